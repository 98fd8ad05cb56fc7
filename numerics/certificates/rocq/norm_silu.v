Definition f z := z * (1 + phi (z / 2)) / 2.
Definition slope z := (1 + phi (z / 2)) / 2 + z / 4 * (1 - phi (z / 2) ^ 2).

Lemma f_has_slope : forall z, is_derive f z (slope z).
Proof. intro z. unfold f, slope, phi. assert (P := exp_pos (2 * (z / 2))).
  auto_derive; [lra | change (2 * (z * / 2)) with (2 * (z / 2)); field; lra]. Qed.

Lemma slope_smooth : forall z, ex_derive slope z.
Proof. intro z. unfold slope, phi. assert (P := exp_pos (2 * (z / 2))). auto_derive. lra. Qed.

Lemma f_bound : forall z, Rabs (f z) <= Rabs z + 1.
Proof.
  intro z. assert (B := phi_bounded (z / 2)). unfold f. apply Rabs_le. unfold Rabs.
  destruct (Rcase_abs z); split; nra.
Qed.

Lemma slope_bound : forall z, Rabs (slope z) <= Rabs z + 1.
Proof.
  intro z. assert (B := phi_bounded (z / 2)). unfold slope. set (p := phi (z / 2)) in *.
  assert (0 <= 1 - p ^ 2 <= 1) by (split; nra). apply Rabs_le. unfold Rabs. destruct (Rcase_abs z); split; nra.
Qed.
