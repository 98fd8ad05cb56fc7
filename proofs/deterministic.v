(* meanbits certificate, Rocq: {"surrogate": "deterministic", "verdict": "none", "q": null} *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Interval Require Import Tactic.
Open Scope R_scope.

(* E sign(u) sign(v) of two normal numbers of correlation r (Sheppard). *)
Definition overlap r := 2 / PI * asin r.
Definition slope r := 2 / PI * / sqrt (1 - Rsqr r).
Definition g s b r := (s * overlap r + b) / (1 + b).

Lemma half : forall y, 0 < y <= PI / 2 -> 1 - cos y < y * sin y.
Proof.
  intros y [H0 H1].
  destruct (MVT_cor2 (fun y => y * sin y + cos y) (fun y => y * cos y) 0 y H0) as [c [E [C0 C1]]].
  - intros c _. apply is_derive_Reals. auto_derive; [exact I | ring].
  - rewrite sin_0, cos_0 in E.
    assert (0 < cos c) by (apply cos_gt_0; lra).
    assert (0 < c * cos c) by (apply Rmult_lt_0_compat; lra). nra.
Qed.

Lemma slope_is : forall s b r, 0 <= b -> 0 <= r < 1 -> is_derive (g s b) r (s * slope r / (1 + b)).
Proof.
  intros s b r Hb Hr. unfold g, overlap, slope.
  assert (D : is_derive asin r (1 / sqrt (1 - Rsqr r))).
  { apply is_derive_Reals. apply (derive_pt_eq_1 asin r _ (derivable_pt_asin r ltac:(lra))).
    apply derive_pt_asin. }
  assert (0 < sqrt (1 - Rsqr r)) by (apply sqrt_lt_R0; unfold Rsqr; nra).
  assert (P := PI_RGT_0).
  apply (is_derive_ext (fun x => / (1 + b) * (s * (2 / PI) * asin x + b))).
  { intro t. change (/ (1 + b) * (s * (2 / PI) * asin t + b) = (s * (2 / PI * asin t) + b) / (1 + b)). field. split; lra. }
  replace (s * (2 / PI * / sqrt (1 - Rsqr r)) / (1 + b))
    with (/ (1 + b) * (s * (2 / PI) * (1 / sqrt (1 - Rsqr r)) + 0)) by (field; repeat split; lra).
  apply (is_derive_scal (fun x => s * (2 / PI) * asin x + b)).
  apply (is_derive_plus (fun x => s * (2 / PI) * asin x) (fun _ => b)).
  - apply (is_derive_scal asin). exact D.
  - exact (is_derive_const b r).
Qed.

(* Theorem: no fixed point r < 1 of the replica map has slope 1, for any sigma_m2 = s and sigma_b2 = b. *)
Theorem none : forall s b r, 0 < s <= 1 -> 0 <= b -> 0 <= r < 1 -> g s b r = r ->
  is_derive (g s b) r (s * slope r / (1 + b)) /\ s * slope r / (1 + b) < 1.
Proof.
  intros s b r Hs Hb Hr Hfix. split; [apply slope_is; assumption|].
  unfold g, overlap in Hfix. unfold slope.
  assert (P := PI_RGT_0).
  set (y := PI / 2 - asin r).
  assert (Hy : 0 < y <= PI / 2).
  { assert (B := asin_bound_lt r ltac:(lra)). unfold y. split; [lra|].
    destruct (Req_dec r 0) as [->|N]; [rewrite asin_0; lra|].
    assert (0 < asin r); [|lra].
    destruct (Rle_lt_dec (asin r) 0) as [L|]; [|assumption].
    assert (S := sin_asin r ltac:(lra)).
    assert (sin (asin r) <= 0) by (apply sin_le_0_var || (rewrite <- sin_0; apply sin_incr_1; lra)). lra. }
  assert (C : cos y = r) by (unfold y; rewrite cos_shift; apply sin_asin; lra).
  assert (S : sin y = sqrt (1 - Rsqr r)) by (unfold y; rewrite sin_shift, cos_asin by lra; reflexivity).
  assert (Q : 0 < sqrt (1 - Rsqr r)) by (apply sqrt_lt_R0; unfold Rsqr; nra).
  assert (H := half y Hy). rewrite C, S in H.
  set (w := sqrt (1 - Rsqr r)) in *.
  assert (F : s * (2 / PI * asin r) + b = r * (1 + b)) by (rewrite <- Hfix at 2; field; lra).
  assert (A : asin r = PI / 2 - y) by (unfold y; ring).
  rewrite A in F.
  assert (G : s * (2 / PI) * y <= (1 + b) * (1 - r)).
  { replace (s * (2 / PI * (PI / 2 - y))) with (s - s * (2 / PI) * y) in F by (field; lra). nra. }
  assert (K : s * (2 / PI) * y < (1 + b) * w * y) by nra.
  assert (L : s * (2 / PI) < (1 + b) * w) by (apply Rmult_lt_reg_r with y; [lra | exact K]).
  apply Rmult_lt_reg_r with ((1 + b) * w); [nra|].
  replace (s * (2 / PI * / w) / (1 + b) * ((1 + b) * w)) with (s * (2 / PI)) by (field; lra). lra.
Qed.

(* As r tends to 1, where the field is sharp, the slope exceeds every bound. *)
Theorem infinite_at_one : forall s b M, 0 < s -> 0 <= b ->
  exists d, 0 < d /\ forall r, 1 - d < r < 1 -> 0 <= r -> M < s * slope r / (1 + b).
Proof.
  intros s b M Hs Hb. assert (P := PI_RGT_0).
  set (k := s * (2 / PI) / (1 + b)).
  assert (P2 : 0 < 2 / PI) by (apply Rdiv_lt_0_compat; lra).
  assert (P3 : 0 < s * (2 / PI)) by (apply Rmult_lt_0_compat; lra).
  assert (Hk : 0 < k) by (unfold k; apply Rdiv_lt_0_compat; lra).
  set (e := k / (Rabs M + 1)).
  assert (A := Rabs_pos M). assert (A2 := Rle_abs M).
  assert (He : 0 < e) by (unfold e; apply Rdiv_lt_0_compat; lra).
  assert (Ee : 0 < e * e) by (apply Rmult_lt_0_compat; exact He).
  exists (e * e / 2). split; [lra|]. intros r Hr H0.
  assert (Q : 0 < 1 - Rsqr r) by (unfold Rsqr; nra).
  assert (Q2 : 1 - Rsqr r < e * e) by (unfold Rsqr; generalize (e * e) as f, Hr; intros; nra).
  assert (W : 0 < sqrt (1 - Rsqr r)) by (apply sqrt_lt_R0; exact Q).
  assert (W2 : sqrt (1 - Rsqr r) < e).
  { rewrite <- (sqrt_square e) by lra. apply sqrt_lt_1; lra. }
  replace (s * slope r / (1 + b)) with (k * / sqrt (1 - Rsqr r)) by (unfold k, slope; field; repeat split; lra).
  apply Rle_lt_trans with (Rabs M); [exact A2|].
  apply Rlt_trans with (Rabs M + 1); [lra|].
  apply Rmult_lt_reg_r with (sqrt (1 - Rsqr r)); [exact W|].
  rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  assert (E : e * (Rabs M + 1) = k) by (unfold e; field; lra). nra.
Qed.

Print Assumptions none.
Print Assumptions infinite_at_one.
