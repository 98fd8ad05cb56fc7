(* Theorem. Bits of mean tanh($c h), weights of values -1 and 1 with mean square s of their means, biases of variance b.
   a: the coefficients of the replica map, E phi(u) phi(v) = sum a_k r^k (Mehler), which sum to A = E phi(u)^2;
   B = E x^2, the mean of 1. Equal inputs do not stay equal, and at every fixed point r < 1 the slope is below 1. *)
Definition c := $c.
Theorem none : forall (a : nat -> R) A B s b,
  (forall k, 0 <= a k) -> is_series a A ->
  0 < s <= 1 -> 0 <= b ->
  mean (fun _ => 1) B -> mean (fun z => phi (c * sqrt (B + b) * z) ^ 2) A ->
  (s * A + b) / (B + b) < 1 /\
  forall r, 0 <= r < 1 -> (s * PSeries a r + b) / (B + b) = r -> s * PSeries (PS_derive a) r / (B + b) < 1.
Proof.
  intros a A B s b Ha HA Hs Hb HB HM.
  assert (C1 : forall z, continuous (fun _ : R => 1) z) by (intro; apply continuous_const).
  set (k := c * sqrt (B + b)) in *.
  assert (C2 : forall z, continuous (fun z => phi (k * z) ^ 2) z).
  { intro z. apply (continuous_ext (fun z => phi (k * z) * phi (k * z))); [intro; simpl; ring|].
    apply (continuous_mult (fun z => phi (k * z)) (fun z => phi (k * z))); apply phi_continuous. }
  assert (PB : 0 < B) by (apply (mean_positive (fun _ => 1)); [exact C1 | intro; lra | exact HB]).
  assert (PD : 0 < B - A).
  { apply (mean_positive (fun z => 1 - phi (k * z) ^ 2)).
    - intro z. apply (continuous_minus (fun _ => 1) (fun z => phi (k * z) ^ 2)); [apply C1 | apply C2].
    - intro z. assert (P := phi_bounded (k * z)). nra.
    - apply (mean_minus (fun _ => 1) (fun z => phi (k * z) ^ 2)); assumption. }
  assert (L : s * A < B) by (destruct (Rle_lt_dec 0 A); nra).
  assert (G : (s * A + b) / (B + b) < 1).
  { apply Rmult_lt_reg_r with (B + b); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  split; [exact G|]. intros r Hr Hfix.
  apply (convexity a Ha (ex_intro _ A HA) s b (B + b) r); try assumption; try lra.
  rewrite (is_series_unique _ _ HA). exact G.
Qed.

Print Assumptions none.
