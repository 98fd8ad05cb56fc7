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
