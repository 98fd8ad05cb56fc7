Definition gain2 := $gain2.
Definition q := $q.
Definition w := sqrt (gain2 * q).
Definition slopes z := (1 - phi (w * z) ^ 2) ^ 2.
Definition sizes z := phi (w * z) ^ 2.
Definition growth z := w * z * phi (w * z) * (1 - phi (w * z) ^ 2).

Lemma smooth : forall z, continuous slopes z /\ continuous sizes z /\ continuous growth z.
Proof.
  intro z. assert (P := exp_pos (2 * (w * z))).
  repeat split; apply (ex_derive_continuous (K := R_AbsRing) (V := R_NormedModule));
    unfold slopes, sizes, growth, phi; auto_derive; lra.
Qed.

Lemma cube : forall z, 8 <= Rabs z -> 1 <= Rabs z ^ 3 /\ Rabs z <= Rabs z ^ 3.
Proof. intros z H. generalize dependent (Rabs z). intros x H. simpl. split; nra. Qed.

Lemma w_pos : 0 <= w <= 100.
Proof. unfold w, gain2, q. split; interval. Qed.

Lemma slopes_tail : forall z, 8 <= Rabs z -> Rabs (slopes z) <= 1 * Rabs z ^ 3.
Proof.
  intros z H. destruct (cube z H) as [H1 _]. unfold slopes. assert (B := phi_bounded (w * z)).
  rewrite Rabs_pos_eq by apply pow2_ge_0. assert (0 <= 1 - phi (w * z) ^ 2 <= 1) by (split; nra). nra.
Qed.

Lemma sizes_tail : forall z, 8 <= Rabs z -> Rabs (sizes z) <= 1 * Rabs z ^ 3.
Proof.
  intros z H. destruct (cube z H) as [H1 _]. unfold sizes. assert (B := phi_bounded (w * z)).
  rewrite Rabs_pos_eq by apply pow2_ge_0. nra.
Qed.

Lemma growth_tail : forall z, 8 <= Rabs z -> Rabs (growth z) <= 100 * Rabs z ^ 3.
Proof.
  intros z H. destruct (cube z H) as [_ H1]. unfold growth. assert (B := phi_bounded (w * z)). assert (W := w_pos).
  rewrite !Rabs_mult. rewrite (Rabs_pos_eq w), (Rabs_pos_eq (1 - phi (w * z) ^ 2)) by nra.
  assert (Rabs (phi (w * z)) <= 1) by (apply Rabs_le; lra).
  assert (A := Rabs_pos (phi (w * z))). assert (A2 := Rabs_pos z).
  assert (0 <= 1 - phi (w * z) ^ 2 <= 1) by (split; nra).
  assert (w * Rabs z <= 100 * Rabs z) by (apply Rmult_le_compat_r; lra).
  assert (0 <= w * Rabs z) by (apply Rmult_le_pos; lra).
  assert (0 <= w * Rabs z * Rabs (phi (w * z)) <= w * Rabs z) by (split; nra).
  assert (w * Rabs z * Rabs (phi (w * z)) * (1 - phi (w * z) ^ 2) <= w * Rabs z) by nra.
  lra.
Qed.

Lemma slopes_part : $slopes_low <= part slopes (- 8) 8 <= $slopes_high.
Proof. unfold part, slopes, phi, density, w, gain2, q. integral with (i_fuel 1000). Qed.

Lemma sizes_part : $sizes_low <= part sizes (- 8) 8 <= $sizes_high.
Proof. unfold part, sizes, phi, density, w, gain2, q. integral with (i_fuel 1000). Qed.

Lemma growth_part : $growth_low <= part growth (- 8) 8 <= $growth_high.
Proof. unfold part, growth, phi, density, w, gain2, q. integral with (i_fuel 1000). Qed.

(* Theorem. With sigma_m2 = s and sigma_b2 = b as below, q is a fixed point of the variance map, chi_1 = 1 there, and the
   map has a slope below 1 in size; m1, m2 and m3 are E phi'^2, E phi^2 and E x phi phi'. *)
Theorem attained : forall m1 m2 m3, mean slopes m1 -> mean sizes m2 -> mean growth m3 ->
  let s := 1 / (gain2 * m1 + m2) in
  let d := 1 - s * m2 in
  let b := d * (1 + q) - 1 in
  (s * m2 + b) / d = q /\ s * gain2 * m1 / d = 1 /\
  $s_low < s < $s_high /\ 0 < s < 1 /\ $b_low < b < $b_high /\ 0 < b /\
  Rabs ((1 + q) * m3 / (gain2 * q * m1)) < 1.
Proof.
  intros m1 m2 m3 H1 H2 H3 s d b.
  assert (A1 := mean_near slopes 1 m1 (fun z => proj1 (smooth z)) slopes_tail H1).
  assert (A2 := mean_near sizes 1 m2 (fun z => proj1 (proj2 (smooth z))) sizes_tail H2).
  assert (A3 := mean_near growth 100 m3 (fun z => proj2 (proj2 (smooth z))) growth_tail H3).
  assert (B1 := slopes_part). assert (B2 := sizes_part). assert (B3 := growth_part).
  assert (E1 : $slopes_low - 1 / 10 ^ 9 <= m1 <= $slopes_high + 1 / 10 ^ 9) by lra.
  assert (E2 : $sizes_low - 1 / 10 ^ 9 <= m2 <= $sizes_high + 1 / 10 ^ 9) by lra.
  assert (E3 : $growth_low - 1 / 10 ^ 9 <= m3 <= $growth_high + 1 / 10 ^ 9) by lra.
  clear A1 A2 A3 B1 B2 B3.
  assert (M : m1 <> 0) by (apply Rgt_not_eq; interval).
  assert (P : 0 < gain2 * m1 + m2) by (unfold gain2; interval).
  assert (P1 : 0 < gain2 * m1) by (unfold gain2; interval).
  assert (D : d = gain2 * m1 / (gain2 * m1 + m2)) by (unfold d, s; field; lra).
  assert (D0 : 0 < d) by (rewrite D; apply Rdiv_lt_0_compat; lra).
  split; [unfold b; field_simplify; [|lra]; unfold d, s; field; lra|].
  split; [rewrite D; unfold s; field; unfold gain2 in *; repeat split; lra|].
  unfold b. rewrite D. unfold s, gain2, q. repeat split; interval.
Qed.

Print Assumptions attained.
