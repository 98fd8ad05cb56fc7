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
