Definition f z := sin z.
Definition slope z := cos z.

Lemma f_has_slope : forall z, is_derive f z (slope z).
Proof. intro z. unfold f, slope. auto_derive; [exact I | ring]. Qed.

Lemma slope_smooth : forall z, ex_derive slope z.
Proof. intro z. unfold slope. auto_derive. exact I. Qed.

Lemma f_bound : forall z, Rabs (f z) <= Rabs z + 1.
Proof.
  intro z. assert (A := Rabs_pos z). assert (B := SIN_bound z). unfold f. apply Rabs_le. lra.
Qed.

Lemma slope_bound : forall z, Rabs (slope z) <= Rabs z + 1.
Proof.
  intro z. assert (A := Rabs_pos z). assert (B := COS_bound z). unfold slope. apply Rabs_le. lra.
Qed.
