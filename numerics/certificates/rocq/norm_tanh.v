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
