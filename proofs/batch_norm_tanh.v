(* meanbits certificate, Rocq: {"surrogate": "continuous --normalise batch", "verdict": "none", "q": null} *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Interval Require Import Tactic.
Open Scope R_scope.

(* A power series f(r) = sum a_k r^k of non-negative coefficients, finite at r = 1. *)
Section Overlap.
Variable a : nat -> R.
Hypothesis a_pos : forall k, 0 <= a k.
Hypothesis a_sum : ex_series a.

Lemma below : forall r, 0 <= r <= 1 -> ex_series (fun k => a k * r ^ k).
Proof.
  intros r [H0 H1]. apply (ex_series_le (K := R_AbsRing) (V := R_CompleteNormedModule) (fun k => a k * r ^ k) a); [|exact a_sum].
  intro k. change (norm ?x) with (Rabs x). rewrite Rabs_pos_eq.
  - rewrite <- (Rmult_1_r (a k)) at 2. apply Rmult_le_compat_l; [apply a_pos|].
    rewrite <- (pow1 k). apply pow_incr; lra.
  - apply Rmult_le_pos; [apply a_pos | apply pow_le; exact H0].
Qed.

(* The chord of r^k from r to 1 lies above its tangent at r. *)
Lemma chord : forall k r, 0 <= r <= 1 -> INR (S k) * r ^ k * (1 - r) <= 1 - r ^ S k.
Proof.
  induction k; intros r Hr.
  - simpl. lra.
  - assert (IH := IHk r Hr). rewrite S_INR. simpl pow in *.
    assert (0 <= r ^ k) by (apply pow_le; lra).
    assert (r ^ k <= 1) by (rewrite <- (pow1 k); apply pow_incr; lra).
    assert (0 <= r * (1 - r * r ^ k - INR (S k) * r ^ k * (1 - r))) by (apply Rmult_le_pos; lra).
    assert (0 <= (1 - r) * (1 - r * r ^ k)).
    { apply Rmult_le_pos; [lra|]. assert (r * r ^ k <= 1 * 1) by (apply Rmult_le_compat; lra). lra. }
    nra.
Qed.

Lemma slopes : forall r, 0 <= r < 1 -> ex_series (fun k => PS_derive a k * r ^ k).
Proof.
  intros r Hr. apply (ex_series_le (K := R_AbsRing) (V := R_CompleteNormedModule) (fun k => PS_derive a k * r ^ k) (fun k => / (1 - r) * a (S k))).
  - intro k. change (norm ?x) with (Rabs x). unfold PS_derive. rewrite Rabs_pos_eq.
    + apply Rmult_le_reg_l with (1 - r); [lra|]. replace ((1 - r) * (/ (1 - r) * a (S k))) with (a (S k)) by (field; lra).
      assert (C := chord k r ltac:(lra)). assert (0 <= r ^ S k) by (apply pow_le; lra).
      assert (P := a_pos (S k)). nra.
    + repeat apply Rmult_le_pos; try apply a_pos; try apply pow_le; try lra. apply pos_INR.
  - apply (ex_series_scal (/ (1 - r)) (fun k => a (S k))). apply (ex_series_incr_1 a). exact a_sum.
Qed.

Lemma radius : Rbar_le 1 (CV_radius a).
Proof.
  unfold CV_radius. destruct (Lub_Rbar_correct (CV_disk a)) as [U _]. apply U.
  unfold CV_disk. apply (ex_series_ext a); [|exact a_sum].
  intro k. rewrite pow1, Rmult_1_r, Rabs_pos_eq; auto.
Qed.

Lemma slope_is : forall r, 0 <= r < 1 -> is_derive (PSeries a) r (PSeries (PS_derive a) r).
Proof.
  intros r Hr. apply is_derive_PSeries. rewrite Rabs_pos_eq by lra.
  apply Rbar_lt_le_trans with 1; [simpl; lra | exact radius].
Qed.

Lemma at_one : PSeries a 1 = Series a.
Proof. unfold PSeries. apply Series_ext. intro k. rewrite pow1. ring. Qed.

(* f lies above its tangents: f(1) - f(r) >= f'(r) (1 - r), by more where a term bends. *)
Lemma tangent : forall r, 0 <= r < 1 -> PSeries (PS_derive a) r * (1 - r) <= Series a - PSeries a r.
Proof.
  intros r Hr. unfold PSeries.
  rewrite (Series_incr_1 a) by exact a_sum.
  rewrite (Series_incr_1 (fun k => a k * r ^ k)) by (apply below; lra).
  assert (E : ex_series (fun k => a (S k))) by (apply (ex_series_incr_1 a); exact a_sum).
  assert (F : ex_series (fun k => a (S k) * r ^ S k)).
  { apply (ex_series_incr_1 (fun k => a k * r ^ k)). apply below. lra. }
  replace (a 0%nat + Series (fun k => a (S k)) - (a 0%nat * r ^ 0 + Series (fun k => a (S k) * r ^ S k)))
    with (Series (fun k => a (S k)) - Series (fun k => a (S k) * r ^ S k)) by (simpl; ring).
  rewrite <- Series_minus by assumption.
  rewrite <- Series_scal_r. apply Series_le.
  - intro k. unfold PS_derive. assert (C := chord k r ltac:(lra)). assert (P := a_pos (S k)).
    assert (0 <= INR (S k) * r ^ k * (1 - r)).
    { repeat apply Rmult_le_pos; try apply pos_INR; try apply pow_le; lra. }
    split; [|]; nra.
  - apply (ex_series_minus (fun k => a (S k)) (fun k => a (S k) * r ^ S k)); assumption.
Qed.

(* Theorem 1. g(r) = (s f(r) + b)/T with g(1) < 1 has slope below 1 wherever g(r) = r < 1. *)
Theorem convexity : forall s b T r, 0 <= s -> 0 < T -> (s * Series a + b) / T < 1 -> 0 <= r < 1 ->
  (s * PSeries a r + b) / T = r -> s * PSeries (PS_derive a) r / T < 1.
Proof.
  intros s b T r Hs HT H1 Hr Hfix.
  assert (C := tangent r Hr).
  assert (H2 : s * Series a + b < T) by (apply Rmult_lt_reg_r with (/ T);
    [apply Rinv_0_lt_compat; lra | rewrite Rinv_r by lra; exact H1]).
  assert (H3 : s * PSeries a r + b = r * T) by (rewrite <- Hfix at 2; field; lra).
  apply Rmult_lt_reg_r with (T * (1 - r)); [nra|].
  replace (s * PSeries (PS_derive a) r / T * (T * (1 - r))) with (s * (PSeries (PS_derive a) r * (1 - r))) by (field; lra).
  assert (s * (PSeries (PS_derive a) r * (1 - r)) <= s * (Series a - PSeries a r)) by (apply Rmult_le_compat_l; assumption).
  nra.
Qed.

(* Theorem 6. Behind batch norm: f(1) - f(0) <= f'(1), where that is finite (Gaussian Poincare inequality). *)
Theorem poincare : ex_series (PS_derive a) -> Series a - a 0%nat <= Series (PS_derive a).
Proof.
  intro H. rewrite (Series_incr_1 a) by exact a_sum.
  replace (a 0%nat + Series (fun k => a (S k)) - a 0%nat) with (Series (fun k => a (S k))) by ring.
  apply Series_le; [|exact H]. intro k. unfold PS_derive. split; [apply a_pos|].
  rewrite <- (Rmult_1_l (a (S k))) at 1. apply Rmult_le_compat_r; [apply a_pos|].
  rewrite S_INR. assert (0 <= INR k) by apply pos_INR. lra.
Qed.

Theorem poincare_strict : ex_series (PS_derive a) -> (exists k, (2 <= k)%nat /\ 0 < a k) ->
  Series a - a 0%nat < Series (PS_derive a).
Proof.
  intros H [n [Hn Hpos]].
  rewrite (Series_incr_1 a) by exact a_sum.
  replace (a 0%nat + Series (fun k => a (S k)) - a 0%nat) with (Series (fun k => a (S k))) by ring.
  assert (E : ex_series (fun k => a (S k))) by (apply (ex_series_incr_1 a); exact a_sum).
  apply Rminus_gt_0_lt. rewrite <- Series_minus by assumption.
  set (d := fun k => PS_derive a k - a (S k)).
  assert (Hd : forall k, 0 <= d k).
  { intro k. unfold d, PS_derive. rewrite S_INR. assert (0 <= INR k) by apply pos_INR.
    assert (P := a_pos (S k)). nra. }
  assert (Ed : ex_series d) by (apply (ex_series_minus (PS_derive a) (fun k => a (S k))); assumption).
  assert (Hn1 : 0 < d (pred n)).
  { unfold d, PS_derive. replace (S (pred n)) with n by lia.
    assert (2 <= INR n) by (change 2 with (INR 2); apply le_INR; exact Hn). nra. }
  apply Rlt_le_trans with (d (pred n)); [exact Hn1|].
  rewrite (Series_incr_n d (S (pred n))) by (lia || assumption).
  simpl pred at 2.
  assert (0 <= Series (fun k => d (S (pred n) + k)%nat)).
  { set (e := fun k => d (S (pred n) + k)%nat).
    replace 0 with (0 * Series e) by ring. rewrite <- Series_scal_l. apply Series_le.
    - intro k. unfold e. assert (P := Hd (S (pred n) + k)%nat). lra.
    - apply (ex_series_incr_n d). exact Ed. }
  assert (d (pred n) <= sum_f_R0 d (pred n)).
  { destruct (pred n) as [|m]; [simpl; lra|]. rewrite tech5.
    assert (0 <= sum_f_R0 d m) by (apply cond_pos_sum; exact Hd). lra. }
  lra.
Qed.
End Overlap.

(* Gaussian means: limits of integrals over (-n, n). *)
Definition density z := exp (- (z * z) / 2) / sqrt (2 * PI).
Definition part (F : R -> R) (x y : R) := RInt (fun z => F z * density z) x y.
Definition mean (F : R -> R) (m : R) := is_lim_seq (fun n => part F (- INR n) (INR n)) m.

Lemma density_pos : forall z, 0 < density z.
Proof.
  intro z. unfold density. apply Rdiv_lt_0_compat; [apply exp_pos|].
  apply sqrt_lt_R0. assert (P := PI_RGT_0). lra.
Qed.

Lemma density_continuous : forall z, continuous density z.
Proof.
  intro z. unfold density. apply (ex_derive_continuous (fun z => exp (- (z * z) / 2) / sqrt (2 * PI))).
  auto_derive. exact I.
Qed.

Lemma part_exists : forall (F : R -> R) x y, (forall z, continuous F z) -> ex_RInt (fun z => F z * density z) x y.
Proof.
  intros F x y H. apply (ex_RInt_continuous (V := R_CompleteNormedModule) (fun z => F z * density z)). intros z _.
  apply (continuous_mult F density); [apply H | apply density_continuous].
Qed.

(* Beyond 8, where |F z| <= C |z|^3, what is left of a mean is below C / 10^11. *)
Lemma primitive : forall k x y, is_RInt (fun z => k * z ^ 3 * density z) x y
  (- k * (y ^ 2 + 2) * density y - (- k * (x ^ 2 + 2) * density x)).
Proof.
  intros k x y. apply (is_RInt_derive (fun z => - k * (z ^ 2 + 2) * density z)).
  - intros z _. unfold density. auto_derive; [exact I|]. change (exp (- (z * z) / 2)) with (exp (- (z * z) * / 2)). field.
    apply Rgt_not_eq. apply sqrt_lt_R0. assert (P := PI_RGT_0). lra.
  - intros z _. apply (continuous_mult (fun z => k * z ^ 3) density); [|apply density_continuous].
    apply (ex_derive_continuous (fun z => k * z ^ 3)). auto_derive. exact I.
Qed.

Lemma small : 66 * density 8 <= 4 / 10 ^ 13.
Proof. unfold density. interval. Qed.

Lemma tail : forall (F : R -> R) C n, (forall z, continuous F z) -> (forall z, 8 <= Rabs z -> Rabs (F z) <= C * Rabs z ^ 3) ->
  8 <= n -> Rabs (part F (- n) n - part F (- 8) 8) <= C * (1 / 10 ^ 12).
Proof.
  intros F C n HF HC Hn.
  assert (C0 : 0 <= C).
  { assert (B := HC 8 ltac:(rewrite Rabs_pos_eq; lra)). assert (A := Rabs_pos (F 8)).
    rewrite (Rabs_pos_eq 8) in B by lra. lra. }
  assert (E := fun x y => part_exists F x y HF).
  assert (S1 : part F (- n) n = part F (- n) (- 8) + (part F (- 8) 8 + part F 8 n)).
  { unfold part.
    rewrite <- (RInt_Chasles (fun z => F z * density z) (- n) (- 8) n) by apply E.
    rewrite <- (RInt_Chasles (fun z => F z * density z) (- 8) 8 n) by apply E. reflexivity. }
  rewrite S1.
  assert (U : Rabs (part F 8 n) <= C * (66 * density 8)).
  { apply Rle_trans with (RInt (fun z => C * z ^ 3 * density z) 8 n).
    - apply (norm_RInt_le (fun z => F z * density z) (fun z => C * z ^ 3 * density z) 8 n); [exact Hn| | |].
      + intros z Hz. change (Rabs (F z * density z) <= C * z ^ 3 * density z). rewrite Rabs_mult, (Rabs_pos_eq (density z)) by (left; apply density_pos).
        apply Rmult_le_compat_r; [left; apply density_pos|].
        rewrite <- (Rabs_pos_eq z) at 2 by lra. apply HC. rewrite Rabs_pos_eq; lra.
      + apply (RInt_correct (fun z => F z * density z)). apply E.
      + apply (RInt_correct (fun z => C * z ^ 3 * density z)). eexists. apply primitive.
    - rewrite (is_RInt_unique _ _ _ _ (primitive C 8 n)).
      assert (D := density_pos n). assert (0 <= C * (n ^ 2 + 2) * density n).
      { apply Rmult_le_pos; [apply Rmult_le_pos; [exact C0 | assert (0 <= n ^ 2) by apply pow2_ge_0; lra] | lra]. }
      lra. }
  assert (L : Rabs (part F (- n) (- 8)) <= C * (66 * density 8)).
  { apply Rle_trans with (RInt (fun z => - C * z ^ 3 * density z) (- n) (- 8)).
    - apply (norm_RInt_le (fun z => F z * density z) (fun z => - C * z ^ 3 * density z) (- n) (- 8)); [lra| | |].
      + intros z Hz. change (Rabs (F z * density z) <= - C * z ^ 3 * density z).
        rewrite Rabs_mult, (Rabs_pos_eq (density z)) by (left; apply density_pos).
        apply Rmult_le_compat_r; [left; apply density_pos|].
        replace (- C * z ^ 3) with (C * (- z) ^ 3) by ring.
        rewrite <- (Rabs_pos_eq (- z)) by lra. rewrite Rabs_Ropp. apply HC. rewrite Rabs_left1; lra.
      + apply (RInt_correct (fun z => F z * density z)). apply E.
      + apply (RInt_correct (fun z => - C * z ^ 3 * density z)). eexists. apply primitive.
    - rewrite (is_RInt_unique _ _ _ _ (primitive (- C) (- n) (- 8))).
      assert (Ev : forall z, density (- z) = density z) by (intro z; unfold density; do 3 f_equal; ring).
      assert (E8 : density (- 8) = density 8) by (unfold density; do 3 f_equal; lra).
      rewrite Ev, E8. assert (D := density_pos n). assert (0 <= C * (n ^ 2 + 2) * density n).
      { apply Rmult_le_pos; [apply Rmult_le_pos; [exact C0 | assert (0 <= n ^ 2) by apply pow2_ge_0; lra] | lra]. }
      replace ((- n) ^ 2) with (n ^ 2) by ring. replace ((- 8) ^ 2) with 64 by lra. lra. }
  assert (T := Rabs_triang (part F (- n) (- 8)) (part F 8 n)).
  replace (part F (- n) (- 8) + (part F (- 8) 8 + part F 8 n) - part F (- 8) 8)
    with (part F (- n) (- 8) + part F 8 n) by ring.
  assert (Sm := small). nra.
Qed.

Lemma mean_near : forall (F : R -> R) C m, (forall z, continuous F z) ->
  (forall z, 8 <= Rabs z -> Rabs (F z) <= C * Rabs z ^ 3) -> mean F m ->
  part F (- 8) 8 - C * (1 / 10 ^ 12) <= m <= part F (- 8) 8 + C * (1 / 10 ^ 12).
Proof.
  intros F C m HF HC Hm.
  assert (N : eventually (fun n => 8 <= INR n)).
  { exists 8%nat. intros n Hn. replace 8 with (INR 8) by (simpl; lra). apply le_INR. exact Hn. }
  assert (B : forall n, 8 <= INR n -> Rabs (part F (- INR n) (INR n) - part F (- 8) 8) <= C * (1 / 10 ^ 12)).
  { intros n Hn. apply tail; assumption. }
  split.
  - apply (is_lim_seq_le_loc (fun _ => part F (- 8) 8 - C * (1 / 10 ^ 12)) (fun n => part F (- INR n) (INR n))
      (part F (- 8) 8 - C * (1 / 10 ^ 12)) m).
    + apply (filter_imp (fun n => 8 <= INR n)); [|exact N]. intros n Hn. assert (P := B n Hn).
      apply Rabs_le_between in P. lra.
    + apply is_lim_seq_const.
    + exact Hm.
  - apply (is_lim_seq_le_loc (fun n => part F (- INR n) (INR n)) (fun _ => part F (- 8) 8 + C * (1 / 10 ^ 12))
      m (part F (- 8) 8 + C * (1 / 10 ^ 12))).
    + apply (filter_imp (fun n => 8 <= INR n)); [|exact N]. intros n Hn. assert (P := B n Hn).
      apply Rabs_le_between in P. lra.
    + exact Hm.
    + apply is_lim_seq_const.
Qed.

(* A function that is positive somewhere and nowhere negative has a positive mean. *)
Lemma mean_positive : forall (F : R -> R) m, (forall z, continuous F z) -> (forall z, 0 < F z) -> mean F m -> 0 < m.
Proof.
  intros F m HF HP Hm.
  assert (E := fun x y => part_exists F x y HF).
  assert (P : forall z, 0 < F z * density z) by (intro z; apply Rmult_lt_0_compat; [apply HP | apply density_pos]).
  assert (I : 0 < part F (- 1) 1).
  { unfold part. apply RInt_gt_0; [lra | intros; apply P |].
    intros z _. apply (continuous_mult F density); [apply HF | apply density_continuous]. }
  apply Rlt_le_trans with (part F (- 1) 1); [exact I|].
  apply (is_lim_seq_le_loc (fun _ => part F (- 1) 1) (fun n => part F (- INR n) (INR n)) (part F (- 1) 1) m).
  - exists 1%nat. intros n Hn. assert (1 <= INR n) by (apply (le_INR 1); exact Hn).
    assert (G : forall x y, x <= y -> 0 <= part F x y).
    { intros x y Hxy. unfold part. apply RInt_ge_0; [exact Hxy | apply E | intros; left; apply P]. }
    unfold part in *.
    rewrite <- (RInt_Chasles (fun z => F z * density z) (- INR n) (- 1) (INR n)) by apply E.
    rewrite <- (RInt_Chasles (fun z => F z * density z) (- 1) 1 (INR n)) by apply E.
    assert (A := G (- INR n) (- 1) ltac:(lra)). assert (B := G 1 (INR n) ltac:(lra)).
    change plus with Rplus. lra.
  - apply is_lim_seq_const.
  - exact Hm.
Qed.

Lemma mean_minus : forall (F G : R -> R) m k, (forall z, continuous F z) -> (forall z, continuous G z) ->
  mean F m -> mean G k -> mean (fun z => F z - G z) (m - k).
Proof.
  intros F G m k HF HG Hm Hk. unfold mean in *.
  apply (is_lim_seq_ext (fun n => part F (- INR n) (INR n) - part G (- INR n) (INR n))).
  - intro n. unfold part.
    rewrite <- (RInt_minus (V := R_CompleteNormedModule) (fun z => F z * density z) (fun z => G z * density z))
      by (apply part_exists; assumption).
    apply RInt_ext. intros z _. change (F z * density z - G z * density z = (F z - G z) * density z). ring.
  - apply (is_lim_seq_minus' _ _ m k Hm Hk).
Qed.

(* tanh, in a form that interval arithmetic knows. *)
Definition phi x := 1 - 2 / (exp (2 * x) + 1).

Lemma phi_is_tanh : forall x, phi x = tanh x.
Proof.
  intro x. unfold phi, tanh, sinh, cosh. replace (2 * x) with (x + x) by ring. rewrite exp_plus, exp_Ropp.
  assert (P := exp_pos x). field. repeat split; nra.
Qed.

Lemma phi_bounded : forall x, -1 < phi x < 1.
Proof.
  intro x. unfold phi. assert (P := exp_pos (2 * x)).
  assert (0 < 2 / (exp (2 * x) + 1) < 2); [|lra].
  split; [apply Rdiv_lt_0_compat; lra|].
  apply Rmult_lt_reg_r with (exp (2 * x) + 1); [lra|]. field_simplify; lra.
Qed.

Lemma phi_smooth : forall x, is_derive phi x (1 - phi x ^ 2).
Proof.
  intro x. unfold phi. assert (P := exp_pos (2 * x)). auto_derive; [lra | field; lra].
Qed.

Lemma phi_continuous : forall k z, continuous (fun z => phi (k * z)) z.
Proof.
  intros k z. apply (ex_derive_continuous (fun z => phi (k * z))). unfold phi.
  assert (P := exp_pos (2 * (k * z))). auto_derive. lra.
Qed.

Definition f z := phi z.
Definition slope z := 1 - phi z ^ 2.

Lemma f_has_slope : forall z, is_derive f z (slope z).
Proof. exact phi_smooth. Qed.

Lemma slope_smooth : forall z, ex_derive slope z.
Proof. intro z. unfold slope, phi. assert (P := exp_pos (2 * z)). auto_derive. lra. Qed.

Lemma f_bound : forall z, Rabs (f z) <= Rabs z + 1.
Proof.
  intro z. assert (A := Rabs_pos z). assert (B := phi_bounded z). unfold f. apply Rabs_le. lra.
Qed.

Lemma slope_bound : forall z, Rabs (slope z) <= Rabs z + 1.
Proof.
  intro z. assert (A := Rabs_pos z). assert (B := phi_bounded z). unfold slope. apply Rabs_le. split; nra.
Qed.

(* Behind batch norm squared gradients grow by chi_g = E f'^2 / Var f, fields of variance 1. In the coefficients of the
   overlap E f(u) f(v) = sum a_k r^k these are sum k a_k and sum a_k - a_0 (Price), so that theorem poincare_strict is
   that of every neuron but a line; here the same for f from integrals alone. *)
Definition offset := 0.
Definition squares z := (f z - offset) ^ 2.
Definition steepness z := slope z ^ 2.

Lemma smooth : forall z, continuous steepness z /\ continuous squares z.
Proof.
  intro z. assert (S := slope_smooth z). assert (F := f_has_slope z).
  split; apply (ex_derive_continuous (K := R_AbsRing) (V := R_NormedModule)); unfold steepness, squares;
    auto_derive; repeat split; try exact S; eexists; exact F.
Qed.

Lemma square_tail : forall y z, 8 <= Rabs z -> Rabs y <= Rabs z + 2 -> Rabs (y ^ 2) <= 4 * Rabs z ^ 3.
Proof.
  intros y z H Hy. rewrite Rabs_pos_eq by apply pow2_ge_0. rewrite <- (pow2_abs y).
  assert (A := Rabs_pos y). apply Rle_trans with ((2 * Rabs z) ^ 2); [apply pow_incr; lra|].
  replace (4 * Rabs z ^ 3) with ((2 * Rabs z) ^ 2 * Rabs z) by ring.
  assert (Q := pow2_ge_0 (2 * Rabs z)). nra.
Qed.

Lemma steepness_tail : forall z, 8 <= Rabs z -> Rabs (steepness z) <= 4 * Rabs z ^ 3.
Proof. intros z H. apply square_tail; [exact H|]. assert (B := slope_bound z). lra. Qed.

Lemma squares_tail : forall z, 8 <= Rabs z -> Rabs (squares z) <= 4 * Rabs z ^ 3.
Proof.
  intros z H. apply square_tail; [exact H|]. assert (B := f_bound z). apply Rabs_le_between in B.
  unfold offset. apply Rabs_le. lra.
Qed.

Lemma steepness_part : (464400 / 10 ^ 6) <= part steepness (- 8) 8 <= (464405 / 10 ^ 6).
Proof. unfold part, steepness, slope, phi, density. integral with (i_fuel 1000). Qed.

Lemma squares_part : (394292 / 10 ^ 6) <= part squares (- 8) 8 <= (394297 / 10 ^ 6).
Proof. unfold part, squares, offset, f, phi, density. integral with (i_fuel 1000). Qed.

(* Theorem. E f'^2 > E (f - offset)^2 >= Var f. *)
Theorem explodes : forall m1 m2, mean steepness m1 -> mean squares m2 -> (1177787 / 10 ^ 6) * m2 < m1 < (1177828 / 10 ^ 6) * m2.
Proof.
  intros m1 m2 H1 H2.
  assert (A1 := mean_near steepness 4 m1 (fun z => proj1 (smooth z)) steepness_tail H1).
  assert (A2 := mean_near squares 4 m2 (fun z => proj2 (smooth z)) squares_tail H2).
  assert (B1 := steepness_part). assert (B2 := squares_part). lra.
Qed.

Print Assumptions poincare_strict.
Print Assumptions explodes.
