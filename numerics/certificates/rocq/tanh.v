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
