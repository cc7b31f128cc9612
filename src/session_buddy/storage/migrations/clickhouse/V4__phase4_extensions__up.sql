-- V4: real-time monitoring, cross-session learning, experiments, multi-modal skills.
-- Purely additive to V1-V3.

-- joins_user: +1 (-1) with the first (last) invocation of the skill by the user. partners: where
-- joins_session is not 0, the other skills of the session at that moment.
ALTER TABLE invocation_change
    ADD COLUMN IF NOT EXISTS joins_user Int8,
    ADD COLUMN IF NOT EXISTS partners Array(String);

------------------------------------------------------------------ what is counted

-- Minutes, for as long as a window can reach. kept_until is told in real time, whatever the
-- clock of a test says.
CREATE TABLE IF NOT EXISTS roll_minute (
    minute DateTime('UTC'),
    skill_name LowCardinality(String),
    invocation_count SimpleAggregateFunction(sum, Int64),
    completed_count SimpleAggregateFunction(sum, Int64),
    failed_count SimpleAggregateFunction(sum, Int64),
    kept_until SimpleAggregateFunction(max, DateTime('UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (minute, skill_name)
TTL kept_until
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_hour (
    hour DateTime('UTC'),
    skill_name LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64,
    duration_ms_sum Int64,
    duration_count Int64
) ENGINE = SummingMergeTree
PARTITION BY toYear(hour)
ORDER BY (hour, skill_name)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_hour_session (
    skill_name LowCardinality(String),
    hour DateTime('UTC'),
    session_id String,
    invocation_count Int64
) ENGINE = SummingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (skill_name, hour, session_id)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS roll_user_skill (
    user_id String,
    skill_name LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64,
    duration_ms_sum Int64,
    duration_count Int64
) ENGINE = SummingMergeTree
ORDER BY (user_id, skill_name)
SETTINGS index_granularity = 256, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_skill_users (
    skill_name LowCardinality(String),
    total_users Int64
) ENGINE = SummingMergeTree
ORDER BY skill_name
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_pair (
    skill_a LowCardinality(String),
    skill_b LowCardinality(String),
    co_occurrence_count SimpleAggregateFunction(sum, Int64),
    written_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = AggregatingMergeTree
ORDER BY (skill_a, skill_b)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

------------------------------------------------------------------ what people and detectors write
-- Of rows with the same key the last one written counts: read these tables with FINAL.

CREATE TABLE IF NOT EXISTS roll_duration (
    skill_name LowCardinality(String),
    le_ms Int64,
    invocation_count Int64
) ENGINE = SummingMergeTree
ORDER BY (skill_name, le_ms)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS skill_anomalies (
    id Int64 DEFAULT toInt64(generateSnowflakeID()),
    skill_name String,
    detected_at String,
    anomaly_type LowCardinality(String),
    baseline_value Nullable(Float64),
    observed_value Nullable(Float64),
    deviation_score Nullable(Float64),
    resolved_at Nullable(String),
    metric LowCardinality(Nullable(String)),
    severity LowCardinality(Nullable(String)),
    band_low Nullable(Float64),
    band_high Nullable(Float64),
    reason Nullable(String),
    detector LowCardinality(Nullable(String)),
    CONSTRAINT name_is_there CHECK trim(skill_name) <> '',
    CONSTRAINT type_is_known CHECK anomaly_type IN ('drop', 'spike', 'pattern_shift'),
    CONSTRAINT detected_is_time CHECK parseDateTime64BestEffortOrNull(detected_at, 3, 'UTC') IS NOT NULL
) ENGINE = ReplacingMergeTree
ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS skill_clusters (
    cluster_id Int64 DEFAULT toInt64(generateSnowflakeID()),
    cluster_name String,
    description Nullable(String),
    centroid_embedding Nullable(String),
    created_at String,
    CONSTRAINT name_is_there CHECK cluster_name <> '',
    CONSTRAINT centroid_has_384_floats CHECK ifNull(length(centroid_embedding), 1536) = 1536
) ENGINE = ReplacingMergeTree
ORDER BY cluster_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS skill_cluster_membership (
    skill_name String,
    cluster_id Int64,
    membership_score Nullable(Float64),
    CONSTRAINT score_is_fraction CHECK ifNull(membership_score, 0) BETWEEN 0 AND 1
) ENGINE = ReplacingMergeTree
ORDER BY (skill_name, cluster_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What other installations told of their users in sum. Of one that tells again the last word counts.
CREATE TABLE IF NOT EXISTS community_publishers (
    publisher String,
    sequence Int64,
    published_at String,
    imported_at String,
    min_users Int64,
    epsilon Nullable(Float64),
    CONSTRAINT publisher_is_there CHECK publisher <> '',
    CONSTRAINT counts_are_counts CHECK sequence >= 0 AND min_users >= 1,
    CONSTRAINT epsilon_is_positive CHECK ifNull(epsilon, 1) > 0
) ENGINE = ReplacingMergeTree
ORDER BY publisher
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS community_shares (
    publisher String,
    skill_name String,
    total_users Int64,
    total_invocations Int64,
    completed_count Int64,
    failed_count Int64,
    avg_duration_seconds Nullable(Float64),
    most_common_workflow_phase Nullable(String),
    CONSTRAINT publisher_is_there CHECK publisher <> '',
    CONSTRAINT skill_is_there CHECK trimBoth(skill_name) <> '',
    CONSTRAINT counts_are_counts CHECK total_users >= 1
        AND least(total_invocations, completed_count, failed_count) >= 0,
    CONSTRAINT duration_is_positive CHECK ifNull(avg_duration_seconds, 0) >= 0
        AND isFinite(ifNull(avg_duration_seconds, 0))
) ENGINE = ReplacingMergeTree
ORDER BY (publisher, skill_name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What was learned from all of this, as of the last refresh: recommendations, the search index, the landscape.
CREATE TABLE IF NOT EXISTS learned_models (
    model_name String,
    version Int64,
    algorithm String,
    fitted_at String,
    details String,
    data String CODEC(NONE),
    CONSTRAINT name_is_there CHECK model_name <> '' AND algorithm <> '',
    CONSTRAINT version_counts CHECK version >= 1,
    CONSTRAINT details_are_json CHECK isValidJSON(details)
) ENGINE = ReplacingMergeTree
ORDER BY model_name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What is done now and then, and how it went the last time.
CREATE TABLE IF NOT EXISTS refresh_jobs (
    job_name String,
    started_at String,
    duration_seconds Float64,
    row_count Int64,
    error Nullable(String),
    CONSTRAINT name_is_there CHECK job_name <> '',
    CONSTRAINT counts_are_counts CHECK row_count >= 0 AND duration_seconds >= 0
) ENGINE = ReplacingMergeTree
ORDER BY job_name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ab_test_configs (
    test_id Int64 DEFAULT toInt64(generateSnowflakeID()),
    test_name String,
    description Nullable(String),
    control_strategy String,
    treatment_strategy String,
    start_date String,
    end_date Nullable(String),
    min_sample_size Int64 DEFAULT 100,
    metrics Nullable(String),
    assignment_ratio Float64 DEFAULT 0.5,
    status LowCardinality(String) DEFAULT 'running',
    design Nullable(String),
    ratio_since Nullable(String),
    CONSTRAINT names_are_there CHECK test_name <> '' AND control_strategy <> '' AND treatment_strategy <> '',
    CONSTRAINT start_is_time CHECK parseDateTime64BestEffortOrNull(start_date, 3, 'UTC') IS NOT NULL,
    CONSTRAINT sample_is_positive CHECK min_sample_size > 0,
    CONSTRAINT ratio_is_fraction CHECK assignment_ratio > 0 AND assignment_ratio < 1,
    CONSTRAINT status_is_known
        CHECK status IN ('draft', 'running', 'paused', 'stopped', 'concluded', 'archived'),
    CONSTRAINT design_is_object CHECK JSONType(ifNull(design, '{}')) = 'Object',
    CONSTRAINT ratio_since_is_time
        CHECK ratio_since IS NULL OR parseDateTime64BestEffortOrNull(ratio_since, 3, 'UTC') IS NOT NULL
) ENGINE = ReplacingMergeTree
ORDER BY test_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ab_test_assignments (
    assignment_id Int64 DEFAULT toInt64(generateSnowflakeID()),
    test_id Int64,
    user_id String,
    group_name LowCardinality(String),
    assigned_at String,
    CONSTRAINT user_is_there CHECK user_id <> '',
    CONSTRAINT group_is_known CHECK group_name IN ('control', 'treatment')
) ENGINE = ReplacingMergeTree
ORDER BY (test_id, user_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ab_test_outcomes (
    outcome_id Int64 DEFAULT toInt64(generateSnowflakeID()),
    test_id Int64,
    user_id String,
    skill_name String,
    completed UInt8,
    duration_seconds Nullable(Float64),
    user_rating Nullable(Float64),
    recorded_at String,
    CONSTRAINT names_are_there CHECK user_id <> '' AND trim(skill_name) <> '',
    CONSTRAINT completed_is_flag CHECK completed IN (0, 1),
    CONSTRAINT duration_is_positive CHECK ifNull(duration_seconds, 0) BETWEEN 0 AND 1e12,
    CONSTRAINT rating_is_one_to_five CHECK ifNull(user_rating, 1) BETWEEN 1 AND 5
) ENGINE = ReplacingMergeTree
ORDER BY (test_id, user_id, outcome_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- On which days a user met the variant, and when first on that day. Who was assigned need never have met it.
CREATE TABLE IF NOT EXISTS ab_test_exposures (
    test_id Int64,
    user_id String,
    exposed_on String,
    group_name LowCardinality(String),
    exposed_at String,
    CONSTRAINT user_is_there CHECK user_id <> '',
    CONSTRAINT group_is_known CHECK group_name IN ('control', 'treatment'),
    CONSTRAINT exposed_is_time CHECK parseDateTime64BestEffortOrNull(exposed_at, 3, 'UTC') IS NOT NULL,
    CONSTRAINT day_is_that_of_the_time CHECK substring(exposed_at, 1, 10) = exposed_on
) ENGINE = ReplacingMergeTree
ORDER BY (test_id, user_id, exposed_on)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Who did what to an experiment, and when. Rows are added and stay as they are.
CREATE TABLE IF NOT EXISTS ab_test_events (
    event_id Int64,
    test_id Int64,
    happened_at String,
    actor String,
    action LowCardinality(String),
    details Nullable(String),
    CONSTRAINT names_are_there CHECK actor <> '' AND action <> '',
    CONSTRAINT happened_is_time CHECK parseDateTime64BestEffortOrNull(happened_at, 3, 'UTC') IS NOT NULL,
    CONSTRAINT details_are_json CHECK isValidJSON(ifNull(details, '{}'))
) ENGINE = ReplacingMergeTree
ORDER BY event_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What a user did in the weeks before the experiment began, as it was known then.
CREATE TABLE IF NOT EXISTS ab_test_covariates (
    test_id Int64,
    user_id String,
    outcome_count Int64 DEFAULT 0,
    completed_count Int64 DEFAULT 0,
    duration_sum Float64 DEFAULT 0,
    duration_count Int64 DEFAULT 0,
    CONSTRAINT user_is_there CHECK user_id <> '',
    CONSTRAINT counts_are_counts CHECK completed_count >= 0 AND duration_count >= 0
        AND outcome_count >= greatest(completed_count, duration_count),
    CONSTRAINT duration_is_positive CHECK duration_sum >= 0 AND isFinite(duration_sum)
) ENGINE = ReplacingMergeTree
ORDER BY (test_id, user_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS skill_categories (
    category_id Int64,
    category_name String,
    parent_category_id Nullable(Int64),
    description Nullable(String),
    domain LowCardinality(Nullable(String)),
    created_at String,
    scheme LowCardinality(String) DEFAULT 'session-buddy',
    CONSTRAINT name_is_there CHECK category_name <> '' AND scheme <> '',
    CONSTRAINT domain_is_known CHECK ifNull(domain, 'code') IN ('code', 'documentation', 'testing', 'deployment')
) ENGINE = ReplacingMergeTree
ORDER BY category_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS skill_category_mapping (
    skill_name String,
    category_id Int64,
    confidence_score Nullable(Float64),
    assigned_at String,
    -- Whoever said so: the specification, shell rules, what was learned, a person. What a person said stays.
    assigned_by LowCardinality(String) DEFAULT 'person',
    -- What a person's word stands in place of, to be there again when it is taken back.
    overruled Nullable(String),
    CONSTRAINT source_is_known CHECK assigned_by IN ('predefined', 'rules', 'inference', 'person'),
    CONSTRAINT overruled_is_known CHECK ifNull(overruled, 'rules') IN ('predefined', 'rules'),
    CONSTRAINT confidence_is_fraction CHECK ifNull(confidence_score, 0) BETWEEN 0 AND 1
) ENGINE = ReplacingMergeTree
ORDER BY (skill_name, category_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS skill_modalities (
    skill_name String,
    -- unknown (NULL in the catalogue view) where formats or the review alone are known.
    modality_type LowCardinality(String),
    input_format Nullable(String),
    output_format Nullable(String),
    requires_human_review UInt8 DEFAULT 0,
    created_at String,
    -- Whoever said so of the type and the formats, and of the review; see skill_category_mapping.
    assigned_by LowCardinality(String) DEFAULT 'person',
    review_assigned_by LowCardinality(String) DEFAULT 'inference',
    CONSTRAINT source_is_known CHECK assigned_by IN ('predefined', 'rules', 'inference', 'person')
        AND review_assigned_by IN ('inference', 'person'),
    CONSTRAINT type_is_known CHECK modality_type IN ('code', 'documentation', 'testing', 'deployment', 'unknown')
) ENGINE = ReplacingMergeTree
ORDER BY skill_name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Every place where a skill is written down: a SKILL.md, a listing of an MCP server, a rule for shell commands.
CREATE TABLE IF NOT EXISTS skill_sources (
    machine String,
    path String,
    skill_name String,
    origin LowCardinality(String),
    plugin Nullable(String),
    version Nullable(String),
    content_hash String,
    listing_tokens Int64,
    body_tokens Int64,
    problem Nullable(String),
    size Int64,
    modified_ns Int64,
    changed_at String,
    seen_at String,
    CONSTRAINT names_are_there CHECK machine <> '' AND path <> '' AND trimBoth(skill_name) <> '' AND length(content_hash) = 64,
    CONSTRAINT origin_is_known
        CHECK origin IN ('user', 'managed', 'project', 'plugin', 'marketplace', 'folder', 'mcp', 'shell'),
    CONSTRAINT counts_are_counts CHECK least(listing_tokens, body_tokens, size) >= 0
) ENGINE = ReplacingMergeTree
ORDER BY (machine, path)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What is known of pairs of skill_dependencies besides, as of the last refresh; only of those in enough sessions.
CREATE TABLE IF NOT EXISTS skill_dependency_details (
    skill_a String,
    skill_b String,
    p_value Float64,
    q_value Float64,
    a_first_count Int64,
    b_first_count Int64,
    a_to_b_seconds Nullable(Float64),
    b_to_a_seconds Nullable(Float64),
    order_q_value Float64,
    last_updated String,
    CONSTRAINT order_is_one CHECK skill_a < skill_b,
    CONSTRAINT chances_are_chances CHECK p_value BETWEEN 0 AND 1 AND q_value BETWEEN 0 AND 1
        AND order_q_value BETWEEN 0 AND 1,
    CONSTRAINT counts_are_counts CHECK least(a_first_count, b_first_count) >= 0
        AND least(ifNull(a_to_b_seconds, 0), ifNull(b_to_a_seconds, 0)) >= 0
) ENGINE = ReplacingMergeTree
ORDER BY (skill_a, skill_b)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- What is used one after another again and again, as of the last refresh.
CREATE TABLE IF NOT EXISTS skill_paths (
    path String,
    length Int64,
    session_count Int64,
    occurrence_count Int64,
    median_seconds Nullable(Float64),
    last_updated String,
    CONSTRAINT path_is_array CHECK JSONType(path) = 'Array' AND length >= 2,
    CONSTRAINT counts_are_counts CHECK session_count >= 1 AND occurrence_count >= session_count
        AND ifNull(median_seconds, 0) >= 0
) ENGINE = ReplacingMergeTree
ORDER BY path
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

INSERT INTO skill_categories (category_id, category_name, description, domain, created_at)
SELECT * FROM VALUES('i Int64, n String, d String, m String, t String',
    (1, 'Code Quality', 'Linters, type checkers and formatters', 'code', '2026-02-10T00:00:00.000Z'),
    (2, 'Testing', 'Running tests and measuring what they cover', 'testing', '2026-02-10T00:00:00.000Z'),
    (3, 'Documentation', 'Writing, building and checking documentation', 'documentation', '2026-02-10T00:00:00.000Z'),
    (4, 'Deployment', 'Building, shipping and operating', 'deployment', '2026-02-10T00:00:00.000Z'));

INSERT INTO skill_category_mapping (skill_name, category_id, confidence_score, assigned_at, assigned_by)
SELECT s, c, 1.0, '2026-02-10T00:00:00.000Z', 'predefined' FROM VALUES('s String, c Int64',
    ('ruff-check', 1), ('mypy', 1), ('pylint', 1),
    ('pytest-run', 2), ('coverage-report', 2), ('hypothesis-test', 2),
    ('sphinx-build', 3), ('docstring-check', 3), ('api-docs', 3),
    ('docker-build', 4), ('k8s-deploy', 4), ('terraform-apply', 4));

INSERT INTO skill_modalities (skill_name, modality_type, created_at, assigned_by)
SELECT m.skill_name, assumeNotNull(c.domain), m.assigned_at, m.assigned_by
FROM skill_category_mapping AS m FINAL INNER JOIN skill_categories AS c FINAL ON c.category_id = m.category_id
WHERE m.assigned_at = '2026-02-10T00:00:00.000Z';

------------------------------------------------------------------ what feeds what

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_minute TO roll_minute AS
SELECT toStartOfMinute(c.invoked_at) AS minute, c.skill_name AS skill_name, sum(c.sign) AS invocation_count,
       sumIf(c.sign, c.outcome = 'completed') AS completed_count, sumIf(c.sign, c.outcome = 'failed') AS failed_count,
       greatest(minute, toDateTime(intDiv(max(c.version), 1048576000), 'UTC')) + INTERVAL 3 DAY AS kept_until
FROM invocation_change AS c
WHERE c.invoked_at >= (SELECT toStartOfMinute(m.now - INTERVAL 2 DAY) FROM store_moment AS m)
GROUP BY minute, skill_name;

-- The smallest bound that is not below a duration is, with all signs turned, the next one below it.
CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_duration TO roll_duration AS
SELECT c.skill_name AS skill_name,
       toInt64(-roundDown(-assumeNotNull(c.duration_ms), [
           -9223372036854775807, -10000000, -7000000, -5000000, -3000000, -2000000, -1500000, -1000000, -700000,
           -500000, -300000, -200000, -150000, -100000, -70000, -50000, -30000, -20000, -15000, -10000, -7000, -5000,
           -3000, -2000, -1500, -1000, -700, -500, -300, -200, -150, -100, -70, -50, -30, -20, -15, -10, -7, -5, -3,
           -2, -1
       ])) AS le_ms,
       sum(c.sign) AS invocation_count
FROM invocation_change AS c WHERE c.duration_ms IS NOT NULL GROUP BY skill_name, le_ms;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_hour TO roll_hour AS
SELECT c.hour AS hour, c.skill_name AS skill_name, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.duration_ms_sum) AS duration_ms_sum, sum(c.duration_count) AS duration_count
FROM invocation_change_sum AS c GROUP BY hour, skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_hour_session TO roll_hour_session AS
SELECT c.skill_name AS skill_name, c.hour AS hour, c.session_id AS session_id,
       sum(c.invocation_count) AS invocation_count
FROM invocation_change_sum AS c GROUP BY skill_name, hour, session_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_user_skill TO roll_user_skill AS
SELECT c.user_id AS user_id, c.skill_name AS skill_name, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.duration_ms_sum) AS duration_ms_sum, sum(c.duration_count) AS duration_count
FROM invocation_change_sum AS c GROUP BY user_id, skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_skill_users TO roll_skill_users AS
SELECT c.skill_name AS skill_name, sum(c.joins_user) AS total_users
FROM invocation_change AS c WHERE c.joins_user <> 0 GROUP BY skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_pair TO roll_pair AS
SELECT least(p.skill, p.partner) AS skill_a, greatest(p.skill, p.partner) AS skill_b,
       sum(p.change) AS co_occurrence_count,
       fromUnixTimestamp64Milli(toInt64(intDiv(max(p.version), 1048576)), 'UTC') AS written_at
FROM (
    SELECT c.skill_name AS skill, arrayJoin(c.partners) AS partner, c.joins_session AS change, c.version AS version
    FROM invocation_change AS c WHERE c.joins_session <> 0
) AS p
GROUP BY skill_a, skill_b;

------------------------------------------------------------------ roll-ups as people read them

CREATE VIEW IF NOT EXISTS skill_window_counts AS
SELECT k.skill_name AS skill_name, ifNull(w.n_1h, 0) AS invocation_count_1h, ifNull(w.n_24h, 0) AS invocation_count_24h,
       ifNull(w.completed, 0) AS completed_count_24h, ifNull(w.failed, 0) AS failed_count_24h
FROM (
    SELECT r.skill_name AS skill_name FROM roll_skill AS r GROUP BY r.skill_name HAVING sum(r.invocation_count) > 0
) AS k
LEFT JOIN (
    SELECT r.skill_name AS skill_name,
           sumIf(r.invocation_count,
               r.minute >= toStartOfMinute((SELECT m.now FROM store_moment AS m) - INTERVAL 1 HOUR)) AS n_1h,
           sum(r.invocation_count) AS n_24h, sum(r.completed_count) AS completed, sum(r.failed_count) AS failed
    FROM roll_minute AS r
    WHERE r.minute >= toStartOfMinute((SELECT m.now FROM store_moment AS m) - INTERVAL 24 HOUR)
        AND r.minute <= toStartOfMinute((SELECT m.now FROM store_moment AS m))
    GROUP BY r.skill_name
) AS w ON w.skill_name = k.skill_name;

CREATE VIEW IF NOT EXISTS skill_minute_buckets AS
SELECT b.skill_name AS skill_name, concat(replaceOne(toString(toDateTime64(b.start, 3, 'UTC')), ' ', 'T'), 'Z') AS minute,
       b.n AS invocation_count, b.completed AS completed_count, b.failed AS failed_count,
       sum(b.n) OVER earlier - b.n AS invocations_before,
       sum(b.completed) OVER earlier - b.completed AS completed_before,
       sum(b.failed) OVER earlier - b.failed AS failed_before
FROM (
    SELECT r.skill_name AS skill_name, r.minute AS start, sum(r.invocation_count) AS n,
           sum(r.completed_count) AS completed, sum(r.failed_count) AS failed
    FROM roll_minute AS r GROUP BY r.skill_name, r.minute HAVING n > 0
) AS b
WINDOW earlier AS (PARTITION BY b.skill_name ORDER BY b.start);

CREATE VIEW IF NOT EXISTS skill_metrics_cache AS
SELECT k.skill_name AS skill_name, concat(replaceOne(toString(k.last_at), ' ', 'T'), 'Z') AS last_invocation_at,
       w.invocation_count_1h AS invocation_count_1h, w.invocation_count_24h AS invocation_count_24h,
       if(w.completed_count_24h + w.failed_count_24h > 0,
           w.completed_count_24h / (w.completed_count_24h + w.failed_count_24h), NULL) AS avg_completion_rate_24h,
       ifNull(a.flag, 0) AS is_anomalous, a.score AS anomaly_score,
       concat(replaceOne(toString(k.written), ' ', 'T'), 'Z') AS updated_at
FROM skill_window_counts AS w
INNER JOIN (
    SELECT r.skill_name AS skill_name, max(r.last_invoked_at) AS last_at, max(r.written_at) AS written
    FROM roll_skill_span AS r GROUP BY r.skill_name
) AS k ON k.skill_name = w.skill_name
LEFT JOIN (
    SELECT o.skill_name AS skill_name, toUInt8(1) AS flag,
           argMax(o.deviation_score, (abs(ifNull(o.deviation_score, -1)), o.id)) AS score
    FROM skill_anomalies AS o FINAL WHERE o.resolved_at IS NULL GROUP BY o.skill_name
) AS a ON a.skill_name = w.skill_name;

CREATE VIEW IF NOT EXISTS skill_time_series AS
SELECT toInt64(bitShiftRight(cityHash64(h.skill_name, h.start), 1)) AS id, h.skill_name AS skill_name,
       concat(replaceOne(toString(toDateTime64(h.start, 3, 'UTC')), ' ', 'T'), 'Z') AS timestamp, h.n AS invocation_count,
       if(h.completed + h.failed > 0, h.completed / (h.completed + h.failed), NULL) AS completion_rate,
       if(h.durations > 0, h.duration_ms / 1000.0 / h.durations, NULL) AS avg_duration_seconds,
       toInt64(s.sessions) AS unique_sessions, h.completed AS completed_count, h.failed AS failed_count,
       h.duration_ms AS duration_ms_sum, h.durations AS duration_count
FROM (
    SELECT r.skill_name AS skill_name, r.hour AS start, sum(r.invocation_count) AS n,
           sum(r.completed_count) AS completed, sum(r.failed_count) AS failed,
           sum(r.duration_ms_sum) AS duration_ms, sum(r.duration_count) AS durations
    FROM roll_hour AS r GROUP BY r.skill_name, r.hour HAVING n > 0
) AS h
INNER JOIN (
    SELECT x.skill_name AS skill_name, x.start AS start, count() AS sessions
    FROM (
        SELECT r.skill_name AS skill_name, r.hour AS start
        FROM roll_hour_session AS r GROUP BY r.skill_name, r.hour, r.session_id HAVING sum(r.invocation_count) > 0
    ) AS x
    GROUP BY x.skill_name, x.start
) AS s ON s.skill_name = h.skill_name AND s.start = h.start;

CREATE VIEW IF NOT EXISTS skill_day_buckets AS
SELECT d.skill_name AS skill_name, concat(toString(d.start), 'T00:00:00.000Z') AS day, d.n AS invocation_count,
       d.completed AS completed_count, d.failed AS failed_count, d.duration_ms AS duration_ms_sum,
       d.durations AS duration_count
FROM (
    SELECT r.skill_name AS skill_name, toDate(r.hour) AS start, sum(r.invocation_count) AS n,
           sum(r.completed_count) AS completed, sum(r.failed_count) AS failed,
           sum(r.duration_ms_sum) AS duration_ms, sum(r.duration_count) AS durations
    FROM roll_hour AS r GROUP BY r.skill_name, start HAVING n > 0
) AS d;

CREATE VIEW IF NOT EXISTS duration_bounds AS
SELECT arrayJoin([1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000,
        3000, 5000, 7000, 10000, 15000, 20000, 30000, 50000, 70000, 100000, 150000, 200000,
        300000, 500000, 700000, 1000000, 1500000, 2000000, 3000000, 5000000, 7000000, 10000000,
        9223372036854775807]) AS le_ms;

CREATE VIEW IF NOT EXISTS skill_duration_counts AS
SELECT r.skill_name AS skill_name, r.le_ms AS le_ms, sum(r.invocation_count) AS invocation_count
FROM roll_duration AS r GROUP BY r.skill_name, r.le_ms HAVING invocation_count > 0;

CREATE VIEW IF NOT EXISTS user_skill_metrics AS
SELECT r.user_id AS user_id, r.skill_name AS skill_name, sum(r.invocation_count) AS invocation_count,
       sum(r.completed_count) AS completed_count, sum(r.failed_count) AS failed_count,
       sum(r.duration_ms_sum) AS duration_ms_sum, sum(r.duration_count) AS duration_count
FROM roll_user_skill AS r GROUP BY r.user_id, r.skill_name HAVING invocation_count > 0;

-- The percentile is the mean percentile rank: skills below, and half of those level with it, of
-- all skills that have a rate.
CREATE VIEW IF NOT EXISTS skill_community_baselines AS
SELECT m.skill_name AS skill_name, u.users AS total_users, m.invocation_count AS total_invocations,
       m.completion_rate AS global_completion_rate, m.avg_duration_seconds AS global_avg_duration_seconds,
       nullIf(p.phase, '') AS most_common_workflow_phase, m.percentile AS effectiveness_percentile,
       concat(replaceOne(toString(w.written), ' ', 'T'), 'Z') AS last_updated
FROM (
    SELECT y.skill_name AS skill_name, y.invocation_count AS invocation_count, y.completion_rate AS completion_rate,
           y.avg_duration_seconds AS avg_duration_seconds,
           if(y.completion_rate IS NULL, NULL, 100.0
               * (rank() OVER (PARTITION BY y.completion_rate IS NULL ORDER BY y.completion_rate) - 1
                  + 0.5 * count() OVER (PARTITION BY y.completion_rate))
               / count() OVER (PARTITION BY y.completion_rate IS NULL)) AS percentile
    FROM skill_metrics AS y
) AS m
INNER JOIN (
    SELECT r.skill_name AS skill_name, sum(r.total_users) AS users FROM roll_skill_users AS r GROUP BY r.skill_name
) AS u ON u.skill_name = m.skill_name
INNER JOIN (
    SELECT r.skill_name AS skill_name, max(r.written_at) AS written FROM roll_skill_span AS r GROUP BY r.skill_name
) AS w ON w.skill_name = m.skill_name
LEFT JOIN (
    SELECT c.skill_name AS skill_name, toString(argMin(c.workflow_phase, (-c.invocation_count, c.workflow_phase)))
        AS phase
    FROM skill_phase_counts AS c GROUP BY c.skill_name
) AS p ON p.skill_name = m.skill_name;

CREATE VIEW IF NOT EXISTS skill_user_interactions AS
SELECT toInt64(bitShiftRight(cityHash64(s.session_id, s.skill_name), 1)) AS id, s.user_id AS user_id,
       s.session_id AS session_id, s.skill_name AS skill_name, s.first_invoked_at AS invoked_at,
       s.completed_count > 0 AS completed, s.rating AS rating, s.alternatives_considered AS alternatives_considered
FROM session_skills AS s;

CREATE VIEW IF NOT EXISTS skill_dependencies AS
SELECT d.skill_a AS skill_a, d.skill_b AS skill_b, d.pairs AS co_occurrence_count,
       1.0 * d.pairs * (SELECT n.value FROM store_counts AS n) / (a.sessions * b.sessions) AS lift_score,
       concat(replaceOne(toString(d.written), ' ', 'T'), 'Z') AS last_updated
FROM (
    SELECT r.skill_a AS skill_a, r.skill_b AS skill_b, sum(r.co_occurrence_count) AS pairs,
           max(r.written_at) AS written
    FROM roll_pair AS r GROUP BY r.skill_a, r.skill_b HAVING pairs > 0
) AS d
INNER JOIN (
    SELECT r.skill_name AS skill_name, sum(r.session_count) AS sessions FROM roll_skill AS r GROUP BY r.skill_name
) AS a ON a.skill_name = d.skill_a
INNER JOIN (
    SELECT r.skill_name AS skill_name, sum(r.session_count) AS sessions FROM roll_skill AS r GROUP BY r.skill_name
) AS b ON b.skill_name = d.skill_b;

-- One row a user with an assignment, and the sums of that user's outcomes, before and after it;
-- outcomes of other users stand in no row.
-- Put together by grouping, not by a join: that is quicker, a condition on the test reaches both tables,
-- and of a cluster's outcomes each shard sends sums.
CREATE VIEW IF NOT EXISTS ab_test_user_sums AS
SELECT u.test_id AS test_id, u.user_id AS user_id, max(u.assigned) AS group_name, max(u.moment) AS assigned_at,
       sum(u.outcomes) AS outcome_count, sum(u.completed) AS completed_count, sum(u.duration) AS duration_sum,
       sum(u.durations) AS duration_count, sum(u.rating) AS rating_sum, sum(u.ratings) AS rating_count
FROM (
    SELECT a.test_id AS test_id, a.user_id AS user_id, a.group_name AS assigned, a.assigned_at AS moment,
           toInt64(0) AS outcomes, toInt64(0) AS completed, toFloat64(0) AS duration, toInt64(0) AS durations,
           toFloat64(0) AS rating, toInt64(0) AS ratings
    FROM ab_test_assignments AS a FINAL
    UNION ALL
    SELECT o.test_id, o.user_id, toLowCardinality(''), '', o.outcomes, o.completed, o.duration, o.durations, o.rating,
           o.ratings
    FROM (
        SELECT r.test_id AS test_id, r.user_id AS user_id, toInt64(count()) AS outcomes,
               toInt64(sum(r.completed)) AS completed, sum(ifNull(r.duration_seconds, 0)) AS duration,
               toInt64(count(r.duration_seconds)) AS durations, sum(ifNull(r.user_rating, 0)) AS rating,
               toInt64(count(r.user_rating)) AS ratings
        FROM ab_test_outcomes AS r FINAL GROUP BY r.test_id, r.user_id
    ) AS o
) AS u
GROUP BY u.test_id, u.user_id HAVING group_name <> '';

-- What ab_test_user_sums holds, by test and group.
CREATE VIEW IF NOT EXISTS ab_test_group_counts AS
SELECT s.test_id AS test_id, s.group_name AS group_name, toInt64(count()) AS user_count,
       sum(s.outcome_count) AS outcome_count, sum(s.completed_count) AS completed_count,
       sum(s.duration_sum) AS duration_sum, sum(s.duration_count) AS duration_count,
       sum(s.rating_sum) AS rating_sum, sum(s.rating_count) AS rating_count
FROM ab_test_user_sums AS s GROUP BY s.test_id, s.group_name;

------------------------------------------------------------------ views: the read API

CREATE VIEW IF NOT EXISTS v_realtime_skill_dashboard AS
SELECT c.skill_name AS skill_name, m.kind AS kind, c.last_invocation_at AS last_invocation_at,
       c.invocation_count_1h AS invocation_count_1h, c.invocation_count_24h AS invocation_count_24h,
       c.avg_completion_rate_24h AS avg_completion_rate_24h, m.completion_rate AS completion_rate,
       m.invocation_count AS total_invocations, m.avg_duration_seconds AS avg_duration_seconds,
       c.is_anomalous AS is_anomalous, c.anomaly_score AS anomaly_score, c.updated_at AS updated_at
FROM skill_metrics_cache AS c INNER JOIN skill_metrics AS m ON m.skill_name = c.skill_name;

-- The seven UTC days that end today. trend_slope is the change of the daily completion
-- rate per day: least squares, each day weighted by its completed and failed invocations.
-- With x the day's number and w its weight, w*y is the count of completed ones, so that
-- every sum is a whole number and the slope is the quotient of two exact values.
-- A slope is called a trend where the Cochran-Armitage test for trend in proportions
-- (Armitage 1955) rejects "no trend" at 5 %: chi-square above 3.841 at one degree of freedom.
CREATE VIEW IF NOT EXISTS v_skill_effectiveness_trend AS
SELECT t.skill_name AS skill_name, t.n AS invocation_count_7d, if(t.w > 0, t.wy / t.w, NULL) AS avg_completion_rate_7d,
       if(t.durations > 0, t.duration_ms / 1000.0 / t.durations, NULL) AS avg_duration_seconds_7d,
       t.days AS days_with_data,
       if(t.w * t.wxx - t.wx * t.wx > 0, (t.w * t.wxy - t.wx * t.wy) / (t.w * t.wxx - t.wx * t.wx), NULL)
           AS trend_slope,
       multiIf(t.w < 20 OR t.w * t.wxx - t.wx * t.wx <= 0, 'not enough data',
           t.wy = 0 OR t.wy = t.w, 'stable',
           1.0 * (t.w * t.wxy - t.wx * t.wy) * (t.w * t.wxy - t.wx * t.wy) * t.w
               / (1.0 * (t.w * t.wxx - t.wx * t.wx) * t.wy * (t.w - t.wy)) < 3.841, 'stable',
           t.w * t.wxy - t.wx * t.wy > 0, 'improving', 'declining') AS trend
FROM (
    SELECT d.skill_name AS skill_name, sum(d.n) AS n, sum(d.duration_ms) AS duration_ms,
           sum(d.durations) AS durations, toInt64(countIf(d.weight > 0)) AS days, sum(d.weight) AS w,
           sum(d.weight * d.x) AS wx, sum(d.weight * d.x * d.x) AS wxx, sum(d.completed) AS wy,
           sum(d.completed * d.x) AS wxy
    FROM (
        SELECT r.skill_name AS skill_name,
               toInt64(dateDiff('day', toDate((SELECT m.now FROM store_moment AS m)) - 6, toDate(r.hour))) AS x,
               sum(r.invocation_count) AS n, sum(r.completed_count) AS completed,
               sum(r.completed_count) + sum(r.failed_count) AS weight, sum(r.duration_ms_sum) AS duration_ms,
               sum(r.duration_count) AS durations
        FROM roll_hour AS r
        WHERE r.hour >= toDateTime(toDate((SELECT m.now FROM store_moment AS m)) - 6, 'UTC')
            AND r.hour < toDateTime(toDate((SELECT m.now FROM store_moment AS m)) + 1, 'UTC')
        GROUP BY r.skill_name, x HAVING n > 0
    ) AS d
    GROUP BY d.skill_name
) AS t;

-- Community figures of fewer users than community_min_users (5 unless set) are not shown.
CREATE VIEW IF NOT EXISTS v_community_baseline_comparison AS
SELECT u.user_id AS user_id, u.skill_name AS skill_name, u.n AS user_invocations, u.rate AS user_completion_rate,
       u.duration AS user_avg_duration_seconds, b.total_users AS total_users,
       b.global_completion_rate AS global_completion_rate,
       b.global_avg_duration_seconds AS global_avg_duration_seconds,
       u.rate - b.global_completion_rate AS delta_from_baseline,
       u.duration - b.global_avg_duration_seconds AS duration_delta_seconds,
       b.most_common_workflow_phase AS most_common_workflow_phase,
       b.effectiveness_percentile AS effectiveness_percentile
FROM (
    SELECT r.user_id AS user_id, r.skill_name AS skill_name, sum(r.invocation_count) AS n,
           if(sum(r.completed_count) + sum(r.failed_count) > 0,
               sum(r.completed_count) / (sum(r.completed_count) + sum(r.failed_count)), NULL) AS rate,
           if(sum(r.duration_count) > 0, sum(r.duration_ms_sum) / 1000.0 / sum(r.duration_count), NULL) AS duration
    FROM roll_user_skill AS r GROUP BY r.user_id, r.skill_name HAVING n > 0
) AS u
LEFT JOIN (
    SELECT c.skill_name AS skill_name, toNullable(c.total_users) AS total_users, c.global_completion_rate,
           c.global_avg_duration_seconds, c.most_common_workflow_phase, c.effectiveness_percentile
    FROM skill_community_baselines AS c
    WHERE c.total_users >= ifNull((SELECT any(toInt64OrZero(s.value)) FROM store_settings AS s FINAL
        WHERE s.name = 'community_min_users' HAVING count() > 0), 5)
) AS b ON b.skill_name = u.skill_name;

-- Every pair in both directions; lift = P(A and B) / (P(A) P(B)) over sessions.
CREATE VIEW IF NOT EXISTS v_skill_dependency_network AS
SELECT n.skill_a AS skill_a, n.skill_b AS skill_b, n.co_occurrence_count AS co_occurrence_count,
       n.lift_score AS lift_score,
       multiIf(n.lift_score > 1.0, 'positive', n.lift_score < 1.0, 'negative', n.lift_score = 1.0, 'independent',
           NULL) AS relationship_type,
       n.sessions_a AS sessions_a, n.sessions_b AS sessions_b, n.last_updated AS last_updated
FROM (
    SELECT d.a AS skill_a, d.b AS skill_b, d.pairs AS co_occurrence_count,
           1.0 * d.pairs * (SELECT c.value FROM store_counts AS c) / (a.sessions * b.sessions) AS lift_score,
           a.sessions AS sessions_a, b.sessions AS sessions_b,
           concat(replaceOne(toString(d.written), ' ', 'T'), 'Z') AS last_updated
    FROM (
        SELECT p.way.1 AS a, p.way.2 AS b, sum(p.pairs) AS pairs, max(p.written) AS written
        FROM (
            SELECT arrayJoin([(r.skill_a, r.skill_b), (r.skill_b, r.skill_a)]) AS way,
                   r.co_occurrence_count AS pairs, r.written_at AS written
            FROM roll_pair AS r
        ) AS p
        GROUP BY a, b HAVING pairs > 0
    ) AS d
    INNER JOIN (
        SELECT r.skill_name AS skill_name, sum(r.session_count) AS sessions FROM roll_skill AS r GROUP BY r.skill_name
    ) AS a ON a.skill_name = d.a
    INNER JOIN (
        SELECT r.skill_name AS skill_name, sum(r.session_count) AS sessions FROM roll_skill AS r GROUP BY r.skill_name
    ) AS b ON b.skill_name = d.b
) AS n;

CREATE VIEW IF NOT EXISTS v_ab_test_summary AS
SELECT t.test_id AS test_id, t.test_name AS test_name, t.status AS status, t.control_strategy AS control_strategy,
       t.treatment_strategy AS treatment_strategy,
       concat(replaceOne(toString(parseDateTime64BestEffort(t.start_date, 3, 'UTC')), ' ', 'T'), 'Z') AS start_date,
       concat(replaceOne(toString(parseDateTime64BestEffortOrNull(t.end_date, 3, 'UTC')), ' ', 'T'), 'Z') AS end_date,
       t.min_sample_size AS min_sample_size, t.assignment_ratio AS assignment_ratio,
       ifNull(n.users_c, 0) AS control_users, ifNull(n.users_t, 0) AS treatment_users,
       ifNull(n.outcomes_c, 0) AS control_outcomes, ifNull(n.outcomes_t, 0) AS treatment_outcomes,
       ifNull(n.completed_c, 0) AS control_completed, ifNull(n.completed_t, 0) AS treatment_completed,
       if(n.outcomes_c > 0, n.completed_c / n.outcomes_c, NULL) AS control_completion_rate,
       if(n.outcomes_t > 0, n.completed_t / n.outcomes_t, NULL) AS treatment_completion_rate,
       if(n.outcomes_c > 0 AND n.outcomes_t > 0, n.completed_t / n.outcomes_t - n.completed_c / n.outcomes_c, NULL)
           AS completion_rate_delta,
       if(n.durations_c > 0, n.duration_c / n.durations_c, NULL) AS control_avg_duration_seconds,
       if(n.durations_t > 0, n.duration_t / n.durations_t, NULL) AS treatment_avg_duration_seconds,
       if(n.ratings_c > 0, n.rating_c / n.ratings_c, NULL) AS control_avg_rating,
       if(n.ratings_t > 0, n.rating_t / n.ratings_t, NULL) AS treatment_avg_rating
FROM ab_test_configs AS t FINAL
LEFT JOIN (
    SELECT g.test_id AS test_id,
           sumIf(g.user_count, g.group_name = 'control') AS users_c,
           sumIf(g.user_count, g.group_name = 'treatment') AS users_t,
           sumIf(g.outcome_count, g.group_name = 'control') AS outcomes_c,
           sumIf(g.outcome_count, g.group_name = 'treatment') AS outcomes_t,
           sumIf(g.completed_count, g.group_name = 'control') AS completed_c,
           sumIf(g.completed_count, g.group_name = 'treatment') AS completed_t,
           sumIf(g.duration_sum, g.group_name = 'control') AS duration_c,
           sumIf(g.duration_sum, g.group_name = 'treatment') AS duration_t,
           sumIf(g.duration_count, g.group_name = 'control') AS durations_c,
           sumIf(g.duration_count, g.group_name = 'treatment') AS durations_t,
           sumIf(g.rating_sum, g.group_name = 'control') AS rating_c,
           sumIf(g.rating_sum, g.group_name = 'treatment') AS rating_t,
           sumIf(g.rating_count, g.group_name = 'control') AS ratings_c,
           sumIf(g.rating_count, g.group_name = 'treatment') AS ratings_t
    FROM ab_test_group_counts AS g GROUP BY g.test_id
) AS n ON n.test_id = t.test_id;

-- Every known skill, also those that never ran; the category it most surely belongs to, how surely, and who said so.
CREATE VIEW IF NOT EXISTS v_multimodal_skill_catalog AS
SELECT k.skill_name AS skill_name, m.kind AS kind, o.modality AS modality_type, ifNull(g.domain, o.modality) AS domain,
       g.category_name AS category_name, o.input_format AS input_format, o.output_format AS output_format,
       ifNull(o.review, 0) AS requires_human_review, ifNull(m.n, 0) AS invocation_count,
       m.rate AS completion_rate, m.duration AS avg_duration_seconds, m.last_at AS last_invoked_at,
       d.description AS description, g.confidence AS category_confidence, g.assigned_by AS category_assigned_by
FROM (
    SELECT DISTINCT a.skill_name AS skill_name FROM (
        SELECT toString(s.skill_name) AS skill_name FROM skill_metrics AS s
        UNION ALL SELECT s.skill_name FROM skill_modalities AS s
        UNION ALL SELECT s.skill_name FROM skill_category_mapping AS s
        UNION ALL SELECT s.skill_name FROM skill_description AS s
    ) AS a
) AS k
LEFT JOIN (
    SELECT toString(s.skill_name) AS skill_name, toNullable(toString(s.kind)) AS kind,
           toNullable(s.invocation_count) AS n, s.completion_rate AS rate, s.avg_duration_seconds AS duration,
           toNullable(s.last_invoked_at) AS last_at
    FROM skill_metrics AS s
) AS m ON m.skill_name = k.skill_name
LEFT JOIN (
    SELECT s.skill_name AS skill_name, nullIf(toString(s.modality_type), 'unknown') AS modality, s.input_format,
           s.output_format, toNullable(s.requires_human_review) AS review
    FROM skill_modalities AS s FINAL
) AS o ON o.skill_name = k.skill_name
LEFT JOIN (
    SELECT s.skill_name AS skill_name, toNullable(s.description) AS description FROM skill_description AS s FINAL
) AS d ON d.skill_name = k.skill_name
LEFT JOIN (
    SELECT b.skill_name AS skill_name, toNullable(c.category_name) AS category_name, toNullable(toString(c.domain))
               AS domain, b.chief.2 AS confidence, toNullable(b.chief.3) AS assigned_by
    FROM (
        SELECT mapped.skill_name AS skill_name,
               argMin((mapped.category_id, mapped.confidence_score, toString(mapped.assigned_by)), (sorted_into.scheme <> 'session-buddy',
                   mapped.assigned_by <> 'person', -ifNull(mapped.confidence_score, -1), mapped.category_id)) AS chief
        FROM skill_category_mapping AS mapped FINAL
        INNER JOIN skill_categories AS sorted_into FINAL ON sorted_into.category_id = mapped.category_id
        WHERE mapped.assigned_by <> 'person' OR ifNull(mapped.confidence_score, 1) > 0
        GROUP BY mapped.skill_name
    ) AS b
    INNER JOIN skill_categories AS c FINAL ON c.category_id = b.chief.1
) AS g ON g.skill_name = k.skill_name;
