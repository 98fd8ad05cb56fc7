(* Behind batch norm squared gradients grow by chi_g = E f'^2 / Var f, fields of variance 1. In the coefficients of the
   overlap E f(u) f(v) = sum a_k r^k these are sum k a_k and sum a_k - a_0 (Price), so that theorem poincare_strict is
   that of every neuron but a line; here the same for f from integrals alone. *)
Definition offset := $offset.
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

Lemma steepness_part : $slopes_low <= part steepness (- 8) 8 <= $slopes_high.
Proof. unfold part, steepness, slope, phi, density. integral with (i_fuel 1000). Qed.

Lemma squares_part : $squares_low <= part squares (- 8) 8 <= $squares_high.
Proof. unfold part, squares, offset, f, phi, density. integral with (i_fuel 1000). Qed.

(* Theorem. E f'^2 > E (f - offset)^2 >= Var f. *)
Theorem explodes : forall m1 m2, mean steepness m1 -> mean squares m2 -> $ratio_low * m2 < m1 < $ratio_high * m2.
Proof.
  intros m1 m2 H1 H2.
  assert (A1 := mean_near steepness 4 m1 (fun z => proj1 (smooth z)) steepness_tail H1).
  assert (A2 := mean_near squares 4 m2 (fun z => proj2 (smooth z)) squares_tail H2).
  assert (B1 := steepness_part). assert (B2 := squares_part). lra.
Qed.

Print Assumptions poincare_strict.
Print Assumptions explodes.
