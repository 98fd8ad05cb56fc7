Definition f z := ln (1 + exp z).
Definition slope z := exp z / (1 + exp z).

Lemma f_has_slope : forall z, is_derive f z (slope z).
Proof. intro z. unfold f, slope. assert (P := exp_pos z). auto_derive; [lra | field; lra]. Qed.

Lemma slope_smooth : forall z, ex_derive slope z.
Proof. intro z. unfold slope. assert (P := exp_pos z). auto_derive. lra. Qed.

Lemma rising : forall x y, x <= y -> exp x <= exp y.
Proof. intros x y [H | H]; [left; apply exp_increasing; exact H | right; rewrite H; reflexivity]. Qed.

Lemma f_bound : forall z, Rabs (f z) <= Rabs z + 1.
Proof.
  intro z. unfold f. assert (P := exp_pos z). assert (A := Rabs_pos z).
  assert (L : 0 < ln (1 + exp z)) by (rewrite <- ln_1; apply ln_increasing; lra).
  assert (U : ln (1 + exp z) <= Rabs z + 1).
  { rewrite <- (ln_exp (Rabs z + 1)). apply ln_le; [lra|]. rewrite exp_plus.
    assert (2 <= exp 1) by interval.
    assert (1 <= exp (Rabs z)) by (rewrite <- exp_0; apply rising; exact A).
    assert (exp z <= exp (Rabs z)) by (apply rising; apply Rle_abs). nra. }
  apply Rabs_le. lra.
Qed.

Lemma slope_bound : forall z, Rabs (slope z) <= Rabs z + 1.
Proof.
  intro z. unfold slope. assert (P := exp_pos z). assert (A := Rabs_pos z).
  assert (0 < exp z / (1 + exp z) < 1); [|apply Rabs_le; lra].
  split; [apply Rdiv_lt_0_compat; lra|]. apply Rmult_lt_reg_r with (1 + exp z); [lra|]. field_simplify; lra.
Qed.
