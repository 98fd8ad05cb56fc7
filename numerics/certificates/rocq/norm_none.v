(* Behind batch norm squared gradients grow by chi_g = E f'^2 / Var f, fields of variance 1. In the coefficients of the
   overlap E f(u) f(v) = sum a_k r^k these are sum k a_k and sum a_k - a_0 (Price), so that theorem poincare_strict is
   that of every neuron but a line; for the neurons here the same from integrals alone. *)
Definition f z := $f.
Definition slope z := $slope.
Definition squares z := (f z - $offset) ^ 2.
Definition steepness z := slope z ^ 2.

Lemma f_has_slope : forall z, is_derive f z (slope z).
Proof. $slope_proof Qed.

Lemma smooth : forall z, continuous steepness z /\ continuous squares z.
Proof.
  intro z. split; apply (ex_derive_continuous (K := R_AbsRing) (V := R_NormedModule));
    unfold steepness, squares, slope, f, phi; $smooth_proof
Qed.

Lemma cube : forall z, 8 <= Rabs z -> 1 <= Rabs z ^ 3.
Proof. intros z H. generalize dependent (Rabs z). intros x H. simpl. nra. Qed.

Lemma steepness_tail : forall z, 8 <= Rabs z -> Rabs (steepness z) <= 4 * Rabs z ^ 3.
Proof.
  intros z H. assert (H1 := cube z H). unfold steepness, slope. rewrite Rabs_pos_eq by apply pow2_ge_0.
  $bounds nra.
Qed.

Lemma squares_tail : forall z, 8 <= Rabs z -> Rabs (squares z) <= 4 * Rabs z ^ 3.
Proof.
  intros z H. assert (H1 := cube z H). unfold squares, f. rewrite Rabs_pos_eq by apply pow2_ge_0.
  $bounds nra.
Qed.

Lemma steepness_part : $slopes_low <= part steepness (- 8) 8 <= $slopes_high.
Proof. unfold part, steepness, slope, phi, density. integral with (i_fuel 1000). Qed.

Lemma squares_part : $squares_low <= part squares (- 8) 8 <= $squares_high.
Proof. unfold part, squares, f, phi, density. integral with (i_fuel 1000). Qed.

(* Theorem. E f'^2 > E (f - $offset)^2 >= Var f. *)
Theorem explodes : forall m1 m2, mean steepness m1 -> mean squares m2 -> $ratio_low * m2 < m1 < $ratio_high * m2.
Proof.
  intros m1 m2 H1 H2.
  assert (A1 := mean_near steepness 4 m1 (fun z => proj1 (smooth z)) steepness_tail H1).
  assert (A2 := mean_near squares 4 m2 (fun z => proj2 (smooth z)) squares_tail H2).
  assert (B1 := steepness_part). assert (B2 := squares_part). lra.
Qed.

Print Assumptions poincare_strict.
Print Assumptions explodes.
