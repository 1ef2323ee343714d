CREATE VIEW studies AS
SELECT s.study_uid, p.patient_key, p.patient_known, s.source, s.body_part, (SELECT l.label FROM label l WHERE l.study_id = s.id ORDER BY l.label_version DESC LIMIT 1) AS label,
  (SELECT max(l.label_version) FROM label l WHERE l.study_id = s.id) AS label_version,
  CASE WHEN (SELECT l.label FROM label l WHERE l.study_id = s.id ORDER BY l.label_version DESC LIMIT 1) IS NOT NULL THEN p.split END AS split,
  (SELECT count(*) FROM image i WHERE i.study_id = s.id) AS n_images,
  coalesce((SELECT CASE WHEN x.undone = 0 THEN x.reason END FROM exclusion x WHERE x.study_id = s.id ORDER BY x.id DESC LIMIT 1), (SELECT CASE WHEN x.undone = 0 THEN x.reason END FROM exclusion x WHERE x.patient_id = p.id ORDER BY x.id DESC LIMIT 1)) AS excluded_reason,
  a.at AS first_seen_at,
  coalesce((SELECT f.value FROM fact f WHERE f.name = 'label_meaning:' || s.source), 'abnormal') AS label_meaning,
  p.hold_out, s.entry AS seq
FROM study s JOIN patient p ON p.id = s.patient_id JOIN audit_entry a ON a.seq = s.entry
-- next
CREATE VIEW images AS
SELECT i.image_uid, s.study_uid, p.patient_key, i.path, i.format, i.file_sha256, i.pixel_sha256,
  i.rows AS "rows", i.columns AS "columns", i.photometric, i.inverted, i.multi_view, i.view AS "view", i.hardware,
  i.sex, i.age, i.decode_steps,
  (SELECT l.label FROM label l WHERE l.study_id = s.id ORDER BY l.label_version DESC LIMIT 1) AS label,
  CASE WHEN (SELECT l.label FROM label l WHERE l.study_id = s.id ORDER BY l.label_version DESC LIMIT 1) IS NOT NULL THEN p.split END AS split, a.at AS ingested_at, i.suspicious,
  i.image_label
FROM image i JOIN study s ON s.id = i.study_id JOIN patient p ON p.id = s.patient_id
JOIN audit_entry a ON a.seq = i.entry
-- next
CREATE VIEW quarantined_files AS
SELECT q.path, q.file_sha256, q.reason_code, q.reason, r.ingest_run_id, a.at AS quarantined_at, q.entry AS seq
FROM quarantined_file q JOIN ingest_run r ON r.id = q.ingest_run_id JOIN audit_entry a ON a.seq = q.entry
-- next
CREATE VIEW ingest_runs AS
SELECT r.ingest_run_id, r.source, coalesce(e.status, 'running') AS status,
  e.n_new + e.n_unchanged + e.n_changed + e.n_filtered + e.n_ignored + e.n_quarantined AS n_seen,
  e.n_new, e.n_unchanged, e.n_changed, e.n_filtered, e.n_ignored, e.n_quarantined, e.seconds,
  a.at AS started_at, b.at AS finished_at, a.prefect_flow_run_id, r.entry AS seq
FROM ingest_run r JOIN audit_entry a ON a.seq = r.entry
LEFT JOIN ingest_event e ON e.id = (SELECT max(x.id) FROM ingest_event x WHERE x.ingest_run_id = r.id)
LEFT JOIN audit_entry b ON b.seq = e.entry
-- next
CREATE VIEW dataset_versions AS
SELECT d.dataset_id, d.manifest_sha256, d.label_version, d.n_patients, d.n_studies, d.n_images, d.guard_status,
  a.at AS frozen_at, d.entry AS seq
FROM dataset_version d JOIN audit_entry a ON a.seq = d.entry
-- next
CREATE VIEW dataset_members AS
SELECT d.dataset_id, i.image_uid, s.study_uid, p.patient_key, m.split, m.label, m.included, m.excluded_reason,
  m.hold_out
FROM dataset_member m JOIN dataset_version d ON d.id = m.dataset_version_id JOIN image i ON i.id = m.image_id
JOIN study s ON s.id = m.study_id JOIN patient p ON p.id = m.patient_id
-- next
CREATE VIEW training_runs AS
SELECT t.training_run_id, t.architecture, d.dataset_id, r.recipe_sha256,
  coalesce(e.weights_source, t.weights_source) AS weights_source, t.seed,
  CASE WHEN e.status IS NULL OR e.status = 'resumed' THEN 'running' ELSE e.status END AS status,
  (SELECT count(*) FROM training_epoch h WHERE h.training_run_id = t.id) AS epochs_run, e.best_epoch, e.seconds,
  n.git_commit, a.prefect_flow_run_id, a.at AS started_at,
  CASE WHEN e.status <> 'resumed' THEN b.at END AS finished_at, t.replicate, t.entry AS seq
FROM training_run t JOIN dataset_version d ON d.id = t.dataset_version_id JOIN recipe r ON r.id = t.recipe_id
JOIN environment n ON n.id = t.environment_id JOIN audit_entry a ON a.seq = t.entry
LEFT JOIN training_event e ON e.id = (SELECT max(x.id) FROM training_event x WHERE x.training_run_id = t.id)
LEFT JOIN audit_entry b ON b.seq = e.entry
-- next
CREATE VIEW training_history AS
SELECT t.training_run_id, h.epoch, h.loss, h.accuracy, h.val_loss, h.val_accuracy, h.learning_rate, h.seconds
FROM training_epoch h JOIN training_run t ON t.id = h.training_run_id
-- next
CREATE VIEW model_versions AS
SELECT m.model_version_id, m.architecture, t.training_run_id, m.artifact_sha256,
  (SELECT {list} FROM (SELECT x.model_version_id AS item, k.id AS place FROM model_member k
   JOIN model_version x ON x.id = k.member_id WHERE k.model_version_id = m.id ORDER BY k.id) listed) AS members,
  CASE
    WHEN m.id = (SELECT c.model_version_id FROM promotion c WHERE c.decision IN ('promoted', 'rolled_back')
                 ORDER BY c.id DESC LIMIT 1) THEN 'champion'
    WHEN EXISTS (SELECT 1 FROM promotion c WHERE c.decision IN ('promoted', 'rolled_back')
                 AND c.model_version_id = m.id) THEN 'retired'
    WHEN EXISTS (SELECT 1 FROM training_run y JOIN model_version x ON x.training_run_id = y.id AND y.replicate > 0 WHERE x.id = m.id OR x.id IN (SELECT k.member_id FROM model_member k WHERE k.model_version_id = m.id)) THEN 'replicate'
    WHEN (SELECT c.decision FROM promotion c WHERE c.model_version_id = m.id ORDER BY c.id DESC LIMIT 1) = 'refused'
      THEN 'rejected'
    ELSE 'challenger'
  END AS role, a.at AS created_at, m.entry AS seq
FROM model_version m JOIN audit_entry a ON a.seq = m.entry LEFT JOIN training_run t ON t.id = m.training_run_id
-- next
CREATE VIEW operating_points AS
SELECT m.model_version_id, o.level, o.name, o.threshold, o.target, o.slope, o.intercept, o.serving
FROM operating_point o JOIN model_version m ON m.id = o.model_version_id
-- next
CREATE VIEW image_predictions AS
SELECT 'ip-' || CAST(p.id AS TEXT) AS prediction_id, e.evaluation_id, e.purpose, m.model_version_id,
  m.architecture, d.dataset_id, e.label_version, p.split, i.image_uid, s.study_uid, t.patient_key, p.label, p.raw_probability, p.probability,
  o.name AS operating_point, o.threshold, p.predicted_label, a.prefect_flow_run_id, a.at AS created_at,
  CASE WHEN e.purpose = 'prospective' THEN (
    SELECT 'ip-' || CAST(min(q.id) AS TEXT) FROM image_prediction q JOIN evaluation f ON f.id = q.evaluation_id
    WHERE q.image_id = p.image_id AND q.id > p.id AND f.purpose = 'prospective'
      AND f.model_version_id = e.model_version_id
  ) END AS superseded_by, p.logit,
  t.hold_out
FROM image_prediction p
JOIN evaluation e ON e.id = p.evaluation_id
JOIN model_version m ON m.id = e.model_version_id
JOIN image i ON i.id = p.image_id
JOIN study s ON s.id = i.study_id
JOIN patient t ON t.id = s.patient_id
LEFT JOIN audit_entry a ON a.seq = p.entry
LEFT JOIN dataset_version d ON d.id = e.dataset_version_id
LEFT JOIN operating_point o ON o.id = p.operating_point_id
-- next
CREATE VIEW study_predictions AS
SELECT 'sp-' || CAST(p.id AS TEXT) AS prediction_id, e.evaluation_id, e.purpose, m.model_version_id,
  m.architecture, d.dataset_id, e.label_version, p.split, s.study_uid, t.patient_key, p.n_images, p.label, p.raw_probability, p.probability,
  o.name AS operating_point, o.threshold, p.predicted_label, a.prefect_flow_run_id, a.at AS created_at,
  CASE WHEN e.purpose = 'prospective' THEN (
    SELECT 'sp-' || CAST(min(q.id) AS TEXT) FROM study_prediction q JOIN evaluation f ON f.id = q.evaluation_id
    WHERE q.study_id = p.study_id AND q.id > p.id AND f.purpose = 'prospective'
      AND f.model_version_id = e.model_version_id
  ) END AS superseded_by, p.logit,
  t.hold_out
FROM study_prediction p
JOIN evaluation e ON e.id = p.evaluation_id
JOIN model_version m ON m.id = e.model_version_id
JOIN study s ON s.id = p.study_id
JOIN patient t ON t.id = s.patient_id
LEFT JOIN audit_entry a ON a.seq = p.entry
LEFT JOIN dataset_version d ON d.id = e.dataset_version_id
LEFT JOIN operating_point o ON o.id = p.operating_point_id
-- next
CREATE VIEW current_predictions AS SELECT * FROM study_predictions WHERE superseded_by IS NULL
-- next
CREATE VIEW evaluation_metrics AS
SELECT 'me-' || CAST(x.id AS TEXT) AS metric_id, e.evaluation_id, m.model_version_id, m.architecture, d.dataset_id,
  e.label_version, x.split, x.level, x.subgroup, x.operating_point, x.metric, x.value, x.ci_low, x.ci_high,
  x.n_images, x.n_studies, x.n_patients, x.tp, x.fp, x.tn, x.fn, x.threshold, x.n_resamples, x.bootstrap_seed,
  a.prefect_flow_run_id, a.at AS created_at, e.hold_out, x.entry AS seq
FROM metric x JOIN evaluation e ON e.id = x.evaluation_id JOIN model_version m ON m.id = e.model_version_id
JOIN audit_entry a ON a.seq = x.entry LEFT JOIN dataset_version d ON d.id = e.dataset_version_id
-- next
CREATE VIEW comparisons AS
SELECT c.comparison_id, e.evaluation_id, x.model_version_id AS challenger, y.model_version_id AS reference, c.metric,
  c.difference, c.ci_low, c.ci_high, c.method, c.n_patients, c.holdout_looks, a.at AS created_at, c.entry AS seq
FROM comparison c JOIN evaluation e ON e.id = c.evaluation_id JOIN model_version x ON x.id = c.challenger_id
JOIN model_version y ON y.id = c.reference_id JOIN audit_entry a ON a.seq = c.entry
-- next
CREATE VIEW promotions AS
SELECT p.promotion_id, m.model_version_id, p.decision, p.reason, p.decided_by,
  (SELECT {list} FROM (SELECT c.comparison_id AS item, k.id AS place FROM promotion_comparison k
   JOIN comparison c ON c.id = k.comparison_id WHERE k.promotion_id = p.id ORDER BY k.id) listed) AS comparison_ids,
  a.at AS created_at, p.entry AS seq
FROM promotion p JOIN model_version m ON m.id = p.model_version_id JOIN audit_entry a ON a.seq = p.entry
-- next
CREATE VIEW explanations AS
SELECT x.explanation_id, 'ip-' || CAST(x.image_prediction_id AS TEXT) AS prediction_id, x.method, x.path,
  x.file_sha256, x.sanity_score, x.withheld, a.at AS created_at, x.sanity_similarity, x.sanity_p_value, x.sanity_rule,
  x.note FROM explanation x JOIN audit_entry a ON a.seq = x.entry
-- next
CREATE VIEW tuning_trials AS
SELECT t.study_name, t.trial, t.architecture, t.learning_rate, t.batch_size, t.value, t.state, t.seconds,
  a.at AS created_at
FROM tuning_trial t JOIN audit_entry a ON a.seq = t.entry
-- next
CREATE VIEW audit_trail AS
SELECT seq, table_name, first_row, last_row, n_rows, batch_sha256, chain_sha256, actor, at FROM audit_entry
-- next
CREATE VIEW label_history AS
SELECT s.study_uid, l.label_version, l.label, v.note, a.actor, a.at AS created_at,
  o.label_version AS corrects_label_version, l.entry AS seq
FROM label l JOIN study s ON s.id = l.study_id JOIN label_version v ON v.version = l.label_version
JOIN audit_entry a ON a.seq = l.entry LEFT JOIN label o ON o.id = l.corrects_id
-- next
CREATE VIEW exclusions AS
SELECT i.image_uid, s.study_uid, p.patient_key, x.reason, x.undone, a.actor, a.at AS created_at,
  'xc-' || CAST(x.id AS TEXT) AS exclusion_id, 'xc-' || CAST(x.corrects_id AS TEXT) AS corrects_exclusion_id,
  x.entry AS seq
FROM exclusion x JOIN audit_entry a ON a.seq = x.entry LEFT JOIN image i ON i.id = x.image_id
LEFT JOIN study s ON s.id = x.study_id LEFT JOIN patient p ON p.id = x.patient_id
-- next
CREATE VIEW corrections AS
SELECT 'label' AS kind, s.study_uid AS subject, CAST(o.label AS TEXT) AS was, CAST(n.label AS TEXT) AS is_now,
  v.note AS reason, a.actor, a.at AS created_at, b.actor AS corrected_actor, b.at AS corrected_at, n.entry AS seq
FROM label n JOIN label o ON o.id = n.corrects_id JOIN study s ON s.id = n.study_id
JOIN label_version v ON v.version = n.label_version JOIN audit_entry a ON a.seq = n.entry
JOIN audit_entry b ON b.seq = o.entry
UNION ALL
SELECT 'exclusion', coalesce(i.image_uid, s.study_uid, p.patient_key),
  CASE WHEN o.undone = 1 THEN 'taken in again' ELSE 'left out: ' || o.reason END,
  CASE WHEN n.undone = 1 THEN 'taken in again' ELSE 'left out: ' || n.reason END,
  n.reason, a.actor, a.at, b.actor, b.at, n.entry
FROM exclusion n JOIN exclusion o ON o.id = n.corrects_id JOIN audit_entry a ON a.seq = n.entry
JOIN audit_entry b ON b.seq = o.entry LEFT JOIN image i ON i.id = n.image_id LEFT JOIN study s ON s.id = n.study_id
LEFT JOIN patient p ON p.id = n.patient_id
UNION ALL
SELECT 'promotion', 'champion', x.model_version_id, m.model_version_id, n.reason, a.actor, a.at, b.actor, b.at, n.entry
FROM promotion n JOIN promotion o ON o.id = n.corrects_id JOIN model_version m ON m.id = n.model_version_id
JOIN model_version x ON x.id = o.model_version_id JOIN audit_entry a ON a.seq = n.entry
JOIN audit_entry b ON b.seq = o.entry
-- next
CREATE VIEW near_duplicates AS
SELECT i.image_uid AS image_a, j.image_uid AS image_b, n.distance, n.correlation, n.confirmed, a.at AS created_at
FROM near_duplicate n JOIN image i ON i.id = n.image_a_id JOIN image j ON j.id = n.image_b_id
JOIN audit_entry a ON a.seq = n.entry
-- next
CREATE VIEW evaluations AS
SELECT e.evaluation_id, e.purpose, m.model_version_id, m.architecture, d.dataset_id, e.label_version,
  CASE WHEN v.status IS NULL THEN 'running' ELSE v.status END AS status, r.recipe_sha256, n.git_commit, n.git_dirty,
  a.actor, a.prefect_flow_run_id, a.at AS started_at, b.at AS finished_at, e.hold_out, e.entry AS seq
FROM evaluation e JOIN model_version m ON m.id = e.model_version_id JOIN environment n ON n.id = e.environment_id
JOIN audit_entry a ON a.seq = e.entry LEFT JOIN dataset_version d ON d.id = e.dataset_version_id
LEFT JOIN recipe r ON r.id = e.recipe_id
LEFT JOIN evaluation_event v ON v.id = (SELECT max(x.id) FROM evaluation_event x WHERE x.evaluation_id = e.id)
LEFT JOIN audit_entry b ON b.seq = v.entry
-- next
CREATE VIEW holdout_looks AS
SELECT h.session, e.evaluation_id, d.dataset_id, a.actor, a.at AS created_at, e.hold_out
FROM holdout_look h JOIN evaluation e ON e.id = h.evaluation_id
JOIN dataset_version d ON d.id = h.dataset_version_id JOIN audit_entry a ON a.seq = h.entry
-- next
CREATE VIEW leak_demonstrations AS
SELECT d.dataset_id, k.architecture, k.protocol, k.metric, k.value, k.ci_low, k.ci_high, k.n_images, k.n_patients,
  k.recipe_sha256, k.note, a.at AS created_at
FROM leak_demonstration k JOIN dataset_version d ON d.id = k.dataset_version_id JOIN audit_entry a ON a.seq = k.entry
-- next
CREATE VIEW reports AS
SELECT r.report_id, r.kind, r.path, r.file_sha256, d.dataset_id, r.evaluation_ids, a.at AS created_at, r.entry AS seq
FROM report r JOIN audit_entry a ON a.seq = r.entry LEFT JOIN dataset_version d ON d.id = r.dataset_version_id
-- next
CREATE VIEW newest_reports AS
SELECT r.report_id, r.kind, r.path, r.file_sha256, d.dataset_id, r.evaluation_ids, a.at AS created_at
FROM report r JOIN audit_entry a ON a.seq = r.entry LEFT JOIN dataset_version d ON d.id = r.dataset_version_id
WHERE r.id = (SELECT max(n.id) FROM report n WHERE n.kind = r.kind)
-- next
CREATE VIEW drift_checks AS
SELECT c.drift_id, m.model_version_id, c.feature, c.statistic, c.p_value, c.p_adjusted, c.psi, c.alert,
  c.n_reference, c.n_current, a.at AS created_at, c.entry AS seq
FROM drift_check c JOIN audit_entry a ON a.seq = c.entry LEFT JOIN model_version m ON m.id = c.model_version_id
-- next
CREATE VIEW stage_costs AS
SELECT c.flow, c.run_id, c.stage, c.wall_seconds, c.cpu_seconds, c.peak_bytes, a.prefect_flow_run_id,
  a.at AS created_at, c.entry AS seq
FROM stage_cost c JOIN audit_entry a ON a.seq = c.entry
-- next
CREATE VIEW patient_merges AS
SELECT p.patient_key AS patient_a, q.patient_key AS patient_b, m.reason, a.actor, a.at AS created_at, m.entry AS seq
FROM patient_merge m JOIN patient p ON p.id = m.patient_a_id JOIN patient q ON q.id = m.patient_b_id
JOIN audit_entry a ON a.seq = m.entry
-- next
CREATE VIEW plans AS
SELECT p.plan_id, p.content_sha256, r.recipe_sha256, d.dataset_id, p.looks_planned, p.alpha_spent, a.at AS created_at,
  p.looks_before, p.rule, p.new_patients_only, coalesce(b.plan_id, p.plan_id) AS budget_plan_id, p.content,
  p.entry AS seq
FROM plan p JOIN recipe r ON r.id = p.recipe_id JOIN dataset_version d ON d.id = p.dataset_version_id
JOIN audit_entry a ON a.seq = p.entry LEFT JOIN plan b ON b.id = p.begins_id
-- next
CREATE VIEW plan_looks AS
SELECT p.plan_id, o.promotion_id, m.model_version_id, o.decision, k.look, k.alpha, k.evaluation_ids, k.compared,
  a.at AS created_at, k.entry AS seq
FROM plan_look k JOIN plan p ON p.id = k.plan_id JOIN promotion o ON o.id = k.promotion_id
JOIN model_version m ON m.id = o.model_version_id JOIN audit_entry a ON a.seq = k.entry
-- next
CREATE VIEW regions AS
SELECT i.image_uid, r.region_class AS "class", r.x_min, r.y_min, r.x_max, r.y_max, r.drawn_by, l.kind AS source,
  a.at AS created_at, l.name AS list, l.file_sha256, r.entry AS seq
FROM region r JOIN region_list l ON l.id = r.region_list_id JOIN image i ON i.id = r.image_id
JOIN audit_entry a ON a.seq = r.entry
WHERE NOT EXISTS (SELECT 1 FROM region_list n WHERE n.supersedes_id = l.id)
-- next
CREATE VIEW refused_regions AS
SELECT l.name AS list, l.kind AS source, x.place, x.reason_code, x.reason, l.file_sha256, r.ingest_run_id,
  a.at AS created_at, x.entry AS seq
FROM refused_region x JOIN region_list l ON l.id = x.region_list_id JOIN ingest_run r ON r.id = l.ingest_run_id
JOIN audit_entry a ON a.seq = x.entry
-- next
CREATE VIEW localisation_metrics AS
SELECT e.evaluation_id, m.model_version_id, x.split, x.region_class AS "class", x.metric, x.value, x.ci_low, x.ci_high,
  x.n_images, a.at AS created_at, x.n_patients, x.n_resamples, x.bootstrap_seed, x.note, x.regions_sha256,
  x.entry AS seq
FROM localisation_metric x JOIN evaluation e ON e.id = x.evaluation_id
JOIN model_version m ON m.id = e.model_version_id JOIN audit_entry a ON a.seq = x.entry
WHERE x.entry = (SELECT max(n.entry) FROM localisation_metric n WHERE n.evaluation_id = x.evaluation_id)
-- next
CREATE VIEW recipes_used AS SELECT recipe_sha256, name, content FROM recipe
