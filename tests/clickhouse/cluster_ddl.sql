-- Sharded: ab_test_assignments, ab_test_covariates, ab_test_exposures, ab_test_outcomes, invocation_change, invocation_change_sum, invocation_known, invocation_log, roll_duration, roll_error, roll_follow_up, roll_hour, roll_hour_session, roll_minute, roll_pair, roll_phase, roll_session, roll_session_skill, roll_session_skill_span, roll_skill, roll_skill_span, roll_skill_users, roll_store, roll_trait, roll_user_skill

---------- V1__core__up.sql

CREATE TABLE IF NOT EXISTS invocation_change_local ON CLUSTER session_buddy (
    event_id String,
    session_id LowCardinality(String),
    user_id LowCardinality(String),
    skill_name LowCardinality(String),
    kind LowCardinality(String),
    plugin LowCardinality(Nullable(String)),
    invoked_at DateTime64(3, 'UTC'),
    outcome LowCardinality(Nullable(String)),
    error_type LowCardinality(Nullable(String)),
    duration_ms Nullable(Int64),
    duration_source LowCardinality(Nullable(String)),
    triggered_by LowCardinality(String),
    parent_event_id Nullable(String),
    project LowCardinality(Nullable(String)),
    agent_version LowCardinality(Nullable(String)),
    model LowCardinality(Nullable(String)),
    source LowCardinality(String),
    alternatives_considered Nullable(String),
    follow_up_actions Nullable(String),
    traits LowCardinality(Nullable(String)),
    rating Nullable(Float64),
    sign Int8 DEFAULT 1,
    version UInt64,
    first_version UInt64 DEFAULT version,
    opens_session Int8,
    joins_session Int8
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS invocation_change ON CLUSTER session_buddy AS invocation_change_local ENGINE = Distributed(session_buddy, currentDatabase(), invocation_change_local, cityHash64(user_id));

CREATE TABLE IF NOT EXISTS invocation_change_sum_local ON CLUSTER session_buddy (
    session_id LowCardinality(String),
    user_id LowCardinality(String),
    skill_name LowCardinality(String),
    hour DateTime('UTC'),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64,
    abandoned_count Int64,
    duration_ms_sum Int64,
    duration_count Int64,
    opens_session Int64,
    joins_session Int64,
    earliest DateTime64(3, 'UTC'),
    came UInt64,
    kind String,
    source String,
    first_version UInt64,
    plugin Nullable(String),
    plugin_version UInt64,
    project Nullable(String),
    project_version UInt64,
    first_invoked_at DateTime64(3, 'UTC'),
    last_invoked_at DateTime64(3, 'UTC'),
    version UInt64,
    rating Nullable(Float64),
    rated_at Tuple(DateTime64(3, 'UTC'), UInt64, UInt64),
    alternatives_considered Nullable(String),
    considered_at Tuple(DateTime64(3, 'UTC'), UInt64, UInt64)
) ENGINE = Null;

CREATE TABLE IF NOT EXISTS invocation_change_sum ON CLUSTER session_buddy AS invocation_change_sum_local ENGINE = Distributed(session_buddy, currentDatabase(), invocation_change_sum_local, cityHash64(user_id));

CREATE TABLE IF NOT EXISTS invocation_log_local ON CLUSTER session_buddy (
    event_id String CODEC(ZSTD(1)),
    session_id String CODEC(ZSTD(1)),
    user_id LowCardinality(String),
    skill_name LowCardinality(String),
    kind LowCardinality(String),
    plugin LowCardinality(Nullable(String)),
    invoked_at DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    outcome LowCardinality(Nullable(String)),
    error_type LowCardinality(Nullable(String)),
    duration_ms Nullable(Int64) CODEC(T64, ZSTD(1)),
    duration_source LowCardinality(Nullable(String)),
    triggered_by LowCardinality(String),
    parent_event_id Nullable(String) CODEC(ZSTD(1)),
    project LowCardinality(Nullable(String)),
    agent_version LowCardinality(Nullable(String)),
    model LowCardinality(Nullable(String)),
    source LowCardinality(String),
    alternatives_considered Nullable(String) CODEC(ZSTD(1)),
    follow_up_actions Nullable(String) CODEC(ZSTD(1)),
    traits LowCardinality(Nullable(String)),
    rating Nullable(Float64),
    version UInt64 CODEC(DoubleDelta, ZSTD(1)),
    first_version UInt64 CODEC(DoubleDelta, ZSTD(1)),
    INDEX idx_invocation_event event_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_invocation_session session_id TYPE bloom_filter GRANULARITY 1,
    INDEX idx_invocation_skill skill_name TYPE set(100) GRANULARITY 1,
    INDEX idx_invocation_version version TYPE minmax GRANULARITY 1,
    
    INDEX idx_invocation_moment concat(replaceOne(toString(invoked_at), ' ', 'T'), 'Z') TYPE minmax GRANULARITY 1
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/invocation_log', '{replica}', version) PARTITION BY toYYYYMM(invoked_at)
ORDER BY (invoked_at, event_id)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10, min_bytes_for_wide_part = 67108864;

CREATE TABLE IF NOT EXISTS invocation_log ON CLUSTER session_buddy AS invocation_log_local ENGINE = Distributed(session_buddy, currentDatabase(), invocation_log_local, cityHash64(user_id));

CREATE TABLE IF NOT EXISTS invocation_known_local ON CLUSTER session_buddy (
    day Date,
    event_key UInt64 CODEC(NONE),
    invoked_at DateTime64(3, 'UTC') CODEC(T64, LZ4)
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/invocation_known', '{replica}') PARTITION BY toYYYYMM(day)
ORDER BY (day, event_key, invoked_at)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS invocation_known ON CLUSTER session_buddy AS invocation_known_local ENGINE = Distributed(session_buddy, currentDatabase(), invocation_known_local, cityHash64(day));

CREATE TABLE IF NOT EXISTS roll_skill_local ON CLUSTER session_buddy (
    skill_name LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64,
    abandoned_count Int64,
    duration_ms_sum Int64,
    duration_count Int64,
    session_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_skill', '{replica}') ORDER BY skill_name
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_skill ON CLUSTER session_buddy AS roll_skill_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_skill_local, cityHash64(skill_name));

CREATE TABLE IF NOT EXISTS roll_skill_span_local ON CLUSTER session_buddy (
    skill_name LowCardinality(String),
    first_invoked_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_invoked_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    written_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    kind AggregateFunction(argMin, String, UInt64),
    plugin AggregateFunction(argMin, String, UInt64)
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/roll_skill_span', '{replica}') ORDER BY skill_name
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_skill_span ON CLUSTER session_buddy AS roll_skill_span_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_skill_span_local, cityHash64(skill_name));

CREATE TABLE IF NOT EXISTS roll_session_local ON CLUSTER session_buddy (
    session_id String,
    invocation_count SimpleAggregateFunction(sum, Int64),
    completed_count SimpleAggregateFunction(sum, Int64),
    failed_count SimpleAggregateFunction(sum, Int64),
    abandoned_count SimpleAggregateFunction(sum, Int64),
    first_invoked_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_invoked_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    user_id AggregateFunction(argMin, String, UInt64),
    source AggregateFunction(argMin, String, UInt64),
    project AggregateFunction(argMin, String, UInt64)
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/roll_session', '{replica}') ORDER BY session_id
SETTINGS index_granularity = 256, replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS roll_session ON CLUSTER session_buddy AS roll_session_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_session_local, cityHash64(session_id));

CREATE TABLE IF NOT EXISTS roll_session_skill_local ON CLUSTER session_buddy (
    session_id String,
    skill_name LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64,
    abandoned_count Int64,
    duration_ms_sum Int64,
    duration_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_session_skill', '{replica}') ORDER BY (session_id, skill_name)
SETTINGS index_granularity = 256, replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS roll_session_skill ON CLUSTER session_buddy AS roll_session_skill_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_session_skill_local, cityHash64(session_id));

CREATE TABLE IF NOT EXISTS roll_session_skill_span_local ON CLUSTER session_buddy (
    session_id String,
    skill_name LowCardinality(String),
    first_invoked_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_invoked_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    user_id AggregateFunction(argMin, String, UInt64),
    rating AggregateFunction(argMax, Float64, Tuple(DateTime64(3, 'UTC'), UInt64, UInt64)),
    alternatives_considered AggregateFunction(argMax, String, Tuple(DateTime64(3, 'UTC'), UInt64, UInt64))
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/roll_session_skill_span', '{replica}') ORDER BY (session_id, skill_name)
SETTINGS index_granularity = 256, replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS roll_session_skill_span ON CLUSTER session_buddy AS roll_session_skill_span_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_session_skill_span_local, cityHash64(session_id));

CREATE TABLE IF NOT EXISTS roll_error_local ON CLUSTER session_buddy (
    skill_name LowCardinality(String),
    error_type LowCardinality(String),
    failure_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_error', '{replica}') ORDER BY (skill_name, error_type)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_error ON CLUSTER session_buddy AS roll_error_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_error_local, cityHash64(skill_name));

CREATE TABLE IF NOT EXISTS roll_follow_up_local ON CLUSTER session_buddy (
    skill_name LowCardinality(String),
    follow_up String,
    follow_up_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_follow_up', '{replica}') ORDER BY (skill_name, follow_up)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_follow_up ON CLUSTER session_buddy AS roll_follow_up_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_follow_up_local, cityHash64(skill_name));

CREATE TABLE IF NOT EXISTS roll_trait_local ON CLUSTER session_buddy (
    skill_name LowCardinality(String),
    trait String,
    invocation_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_trait', '{replica}') ORDER BY (skill_name, trait)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_trait ON CLUSTER session_buddy AS roll_trait_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_trait_local, cityHash64(skill_name));

CREATE TABLE IF NOT EXISTS roll_store_local ON CLUSTER session_buddy (
    name LowCardinality(String),
    value Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_store', '{replica}') ORDER BY name
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_store ON CLUSTER session_buddy AS roll_store_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_store_local, cityHash64(name));

CREATE TABLE IF NOT EXISTS unfinished_batch ON CLUSTER session_buddy (
    token String,
    begun_at DateTime DEFAULT now(),
    contents String CODEC(LZ4),
    done UInt8
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/unfinished_batch', '{shard}-{replica}', done) ORDER BY token
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS store_clock ON CLUSTER session_buddy (
    id UInt8,
    now DateTime64(3, 'UTC'),
    version UInt64
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/store_clock', '{shard}-{replica}', version) ORDER BY id SETTINGS replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS store_settings ON CLUSTER session_buddy (
    name String,
    value String
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/store_settings', '{shard}-{replica}') ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS import_checkpoint_log ON CLUSTER session_buddy (
    path String,
    importer String,
    identity String,
    size Int64,
    modified_ns Int64,
    offset Int64,
    state String,
    imported_at DateTime64(3, 'UTC'),
    version UInt64
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/import_checkpoint_log', '{shard}-{replica}', version) ORDER BY path
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS import_quarantine_log ON CLUSTER session_buddy (
    path String,
    offset Int64,
    line Int64,
    length Int64,
    reason String,
    seen_at DateTime64(3, 'UTC'),
    CONSTRAINT line_counts_from_one CHECK line >= 1 AND offset >= 0 AND length >= 0
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/import_quarantine_log', '{shard}-{replica}') ORDER BY (path, offset, reason)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_invocation_log ON CLUSTER session_buddy TO invocation_log_local AS
SELECT event_id, session_id, user_id, skill_name, kind, plugin, invoked_at, outcome, error_type, duration_ms,
       duration_source, triggered_by, parent_event_id, project, agent_version, model, source,
       alternatives_considered, follow_up_actions, traits, rating, version, first_version
FROM invocation_change_local WHERE sign > 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_invocation_known ON CLUSTER session_buddy TO invocation_known_local AS
SELECT toDate(c.invoked_at) AS day, cityHash64(c.event_id) AS event_key, c.invoked_at AS invoked_at
FROM invocation_change_local AS c WHERE c.sign > 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_invocation_change_sum ON CLUSTER session_buddy TO invocation_change_sum_local AS
SELECT c.session_id AS session_id, c.user_id AS user_id, c.skill_name AS skill_name,
       toStartOfHour(c.invoked_at) AS hour, sum(c.sign) AS invocation_count,
       sumIf(c.sign, c.outcome = 'completed') AS completed_count, sumIf(c.sign, c.outcome = 'failed') AS failed_count,
       sumIf(c.sign, c.outcome = 'abandoned') AS abandoned_count,
       sum(c.sign * ifNull(c.duration_ms, 0)) AS duration_ms_sum,
       sumIf(c.sign, c.duration_ms IS NOT NULL) AS duration_count,
       sum(c.opens_session) AS opens_session, sum(c.joins_session) AS joins_session,
       min(c.invoked_at) AS earliest, countIf(c.sign > 0) AS came,
       argMinIf(c.kind, c.first_version, c.sign > 0) AS kind, argMinIf(c.source, c.first_version, c.sign > 0) AS source,
       minIf(c.first_version, c.sign > 0) AS first_version,
       argMinIf(c.plugin, c.first_version, c.sign > 0) AS plugin,
       minIf(c.first_version, c.sign > 0 AND c.plugin IS NOT NULL) AS plugin_version,
       argMinIf(c.project, c.first_version, c.sign > 0) AS project,
       minIf(c.first_version, c.sign > 0 AND c.project IS NOT NULL) AS project_version,
       minIf(c.invoked_at, c.sign > 0) AS first_invoked_at, maxIf(c.invoked_at, c.sign > 0) AS last_invoked_at,
       maxIf(c.version, c.sign > 0) AS version,
       argMaxIf(c.rating, (c.invoked_at, c.first_version, c.version), c.sign > 0) AS rating,
       maxIf((c.invoked_at, c.first_version, c.version), c.sign > 0 AND c.rating IS NOT NULL) AS rated_at,
       argMaxIf(c.alternatives_considered, (c.invoked_at, c.first_version, c.version), c.sign > 0)
           AS alternatives_considered,
       maxIf((c.invoked_at, c.first_version, c.version), c.sign > 0 AND c.alternatives_considered IS NOT NULL)
           AS considered_at
FROM invocation_change_local AS c GROUP BY session_id, user_id, skill_name, hour;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_skill ON CLUSTER session_buddy TO roll_skill_local AS
SELECT c.skill_name AS skill_name, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.abandoned_count) AS abandoned_count, sum(c.duration_ms_sum) AS duration_ms_sum,
       sum(c.duration_count) AS duration_count, sum(c.joins_session) AS session_count
FROM invocation_change_sum_local AS c GROUP BY skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_skill_span ON CLUSTER session_buddy TO roll_skill_span_local AS
SELECT c.skill_name AS skill_name, min(c.first_invoked_at) AS first_invoked_at,
       max(c.last_invoked_at) AS last_invoked_at,
       fromUnixTimestamp64Milli(toInt64(intDiv(max(c.version), 1048576)), 'UTC') AS written_at,
       argMinState(c.kind, c.first_version) AS kind,
       argMinStateIf(assumeNotNull(c.plugin), c.plugin_version, c.plugin IS NOT NULL) AS plugin
FROM invocation_change_sum_local AS c WHERE c.came > 0 GROUP BY skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_session ON CLUSTER session_buddy TO roll_session_local AS
SELECT c.session_id AS session_id, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.abandoned_count) AS abandoned_count,
       min(c.earliest) AS first_invoked_at, max(c.last_invoked_at) AS last_invoked_at,
       argMinStateIf(toString(c.user_id), c.first_version, c.came > 0) AS user_id,
       argMinStateIf(c.source, c.first_version, c.came > 0) AS source,
       argMinStateIf(assumeNotNull(c.project), c.project_version, c.project IS NOT NULL) AS project
FROM invocation_change_sum_local AS c GROUP BY session_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_session_skill ON CLUSTER session_buddy TO roll_session_skill_local AS
SELECT c.session_id AS session_id, c.skill_name AS skill_name, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.abandoned_count) AS abandoned_count, sum(c.duration_ms_sum) AS duration_ms_sum,
       sum(c.duration_count) AS duration_count
FROM invocation_change_sum_local AS c GROUP BY session_id, skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_session_skill_span ON CLUSTER session_buddy TO roll_session_skill_span_local AS
SELECT c.session_id AS session_id, c.skill_name AS skill_name,
       min(c.first_invoked_at) AS first_invoked_at, max(c.last_invoked_at) AS last_invoked_at,
       argMinState(toString(c.user_id), c.first_version) AS user_id,
       argMaxStateIf(assumeNotNull(c.rating), c.rated_at, c.rating IS NOT NULL) AS rating,
       argMaxStateIf(assumeNotNull(c.alternatives_considered), c.considered_at,
           c.alternatives_considered IS NOT NULL) AS alternatives_considered
FROM invocation_change_sum_local AS c WHERE c.came > 0 GROUP BY session_id, skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_error ON CLUSTER session_buddy TO roll_error_local AS
SELECT c.skill_name AS skill_name, ifNull(c.error_type, 'other') AS error_type, sum(c.sign) AS failure_count
FROM invocation_change_local AS c WHERE c.outcome = 'failed' GROUP BY skill_name, error_type;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_follow_up ON CLUSTER session_buddy TO roll_follow_up_local AS
SELECT c.skill_name AS skill_name,
       arrayJoin(JSONExtract(assumeNotNull(c.follow_up_actions), 'Array(String)')) AS follow_up,
       sum(c.sign) AS follow_up_count
FROM invocation_change_local AS c WHERE c.follow_up_actions IS NOT NULL GROUP BY skill_name, follow_up;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_trait ON CLUSTER session_buddy TO roll_trait_local AS
SELECT c.skill_name AS skill_name,
       arrayJoin(arrayDistinct(JSONExtract(toString(assumeNotNull(c.traits)), 'Array(String)'))) AS trait,
       sum(c.sign) AS invocation_count
FROM invocation_change_local AS c WHERE c.traits IS NOT NULL GROUP BY skill_name, trait;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_store ON CLUSTER session_buddy TO roll_store_local AS
SELECT 'sessions' AS name, sum(c.opens_session) AS value
FROM invocation_change_sum_local AS c HAVING value <> 0;

CREATE VIEW IF NOT EXISTS skill_invocation ON CLUSTER session_buddy AS
SELECT toInt64(bitShiftRight(cityHash64(i.event_id), 1)) AS id, i.event_id AS event_id, i.session_id AS session_id,
       i.user_id AS user_id, i.skill_name AS skill_name, i.kind AS kind, i.plugin AS plugin,
       concat(replaceOne(toString(i.invoked_at), ' ', 'T'), 'Z') AS invoked_at, i.outcome AS outcome,
       i.error_type AS error_type, i.duration_ms AS duration_ms, i.duration_source AS duration_source,
       i.triggered_by AS triggered_by, i.parent_event_id AS parent_event_id, i.project AS project,
       i.agent_version AS agent_version, i.model AS model, i.source AS source,
       i.alternatives_considered AS alternatives_considered, i.follow_up_actions AS follow_up_actions,
       i.traits AS traits, i.rating AS rating, 1 AS rolled_up, i.outcome = 'completed' AS completed,
       i.duration_ms / 1000.0 AS duration_seconds
FROM invocation_log AS i FINAL;

CREATE VIEW IF NOT EXISTS skill_metrics ON CLUSTER session_buddy AS
SELECT n.skill_name AS skill_name, s.kind AS kind, s.plugin AS plugin, n.invocation_count AS invocation_count,
       n.completed_count AS completed_count, n.failed_count AS failed_count, n.abandoned_count AS abandoned_count,
       n.duration_ms_sum AS duration_ms_sum, n.duration_count AS duration_count, n.session_count AS session_count,
       concat(replaceOne(toString(s.first_at), ' ', 'T'), 'Z') AS first_invoked_at,
       concat(replaceOne(toString(s.last_at), ' ', 'T'), 'Z') AS last_invoked_at,
       if(n.completed_count + n.failed_count > 0, n.completed_count / (n.completed_count + n.failed_count), NULL)
           AS completion_rate,
       if(n.duration_count > 0, n.duration_ms_sum / 1000.0 / n.duration_count, NULL) AS avg_duration_seconds
FROM (
    SELECT r.skill_name AS skill_name, sum(r.invocation_count) AS invocation_count,
           sum(r.completed_count) AS completed_count, sum(r.failed_count) AS failed_count,
           sum(r.abandoned_count) AS abandoned_count, sum(r.duration_ms_sum) AS duration_ms_sum,
           sum(r.duration_count) AS duration_count, sum(r.session_count) AS session_count
    FROM roll_skill AS r GROUP BY r.skill_name HAVING invocation_count > 0
) AS n
INNER JOIN (
    SELECT r.skill_name AS skill_name, min(r.first_invoked_at) AS first_at, max(r.last_invoked_at) AS last_at,
           argMinMerge(r.kind) AS kind, nullIf(argMinMerge(r.plugin), '') AS plugin
    FROM roll_skill_span AS r GROUP BY r.skill_name
) AS s ON s.skill_name = n.skill_name;

CREATE VIEW IF NOT EXISTS session_summary ON CLUSTER session_buddy AS
SELECT s.session_id AS session_id, s.user AS user_id, s.origin AS source, nullIf(s.folder, '') AS project,
       s.n AS invocation_count, s.completed AS completed_count, s.failed AS failed_count,
       s.abandoned AS abandoned_count,
       concat(replaceOne(toString(s.first_at), ' ', 'T'), 'Z') AS first_invoked_at,
       concat(replaceOne(toString(s.last_at), ' ', 'T'), 'Z') AS last_invoked_at
FROM (
    SELECT r.session_id AS session_id, argMinMerge(r.user_id) AS user, argMinMerge(r.source) AS origin,
           argMinMerge(r.project) AS folder, sum(r.invocation_count) AS n, sum(r.completed_count) AS completed,
           sum(r.failed_count) AS failed, sum(r.abandoned_count) AS abandoned,
           min(r.first_invoked_at) AS first_at, max(r.last_invoked_at) AS last_at
    FROM roll_session AS r GROUP BY r.session_id HAVING n > 0
) AS s;

CREATE VIEW IF NOT EXISTS session_skills ON CLUSTER session_buddy AS
SELECT n.session_id AS session_id, n.skill_name AS skill_name, s.user AS user_id,
       n.invocation_count AS invocation_count, n.completed_count AS completed_count, n.failed_count AS failed_count,
       n.abandoned_count AS abandoned_count, n.duration_ms_sum AS duration_ms_sum,
       n.duration_count AS duration_count,
       concat(replaceOne(toString(s.first_at), ' ', 'T'), 'Z') AS first_invoked_at,
       concat(replaceOne(toString(s.last_at), ' ', 'T'), 'Z') AS last_invoked_at,
       nullIf(s.stars, 0) AS rating, nullIf(s.others, '') AS alternatives_considered
FROM (
    SELECT r.session_id AS session_id, r.skill_name AS skill_name, sum(r.invocation_count) AS invocation_count,
           sum(r.completed_count) AS completed_count, sum(r.failed_count) AS failed_count,
           sum(r.abandoned_count) AS abandoned_count, sum(r.duration_ms_sum) AS duration_ms_sum,
           sum(r.duration_count) AS duration_count
    FROM roll_session_skill AS r GROUP BY r.session_id, r.skill_name HAVING invocation_count > 0
) AS n
INNER JOIN (
    SELECT r.session_id AS session_id, r.skill_name AS skill_name, argMinMerge(r.user_id) AS user,
           min(r.first_invoked_at) AS first_at, max(r.last_invoked_at) AS last_at,
           argMaxMerge(r.rating) AS stars, argMaxMerge(r.alternatives_considered) AS others
    FROM roll_session_skill_span AS r GROUP BY r.session_id, r.skill_name
) AS s ON s.session_id = n.session_id AND s.skill_name = n.skill_name;

CREATE VIEW IF NOT EXISTS skill_error_counts ON CLUSTER session_buddy AS
SELECT r.skill_name AS skill_name, r.error_type AS error_type, sum(r.failure_count) AS failure_count
FROM roll_error AS r GROUP BY r.skill_name, r.error_type HAVING failure_count > 0;

CREATE VIEW IF NOT EXISTS skill_follow_up_counts ON CLUSTER session_buddy AS
SELECT r.skill_name AS skill_name, r.follow_up AS follow_up, sum(r.follow_up_count) AS follow_up_count
FROM roll_follow_up AS r GROUP BY r.skill_name, r.follow_up HAVING follow_up_count > 0;

CREATE VIEW IF NOT EXISTS skill_trait_counts ON CLUSTER session_buddy AS
SELECT r.skill_name AS skill_name, r.trait AS trait, sum(r.invocation_count) AS invocation_count
FROM roll_trait AS r GROUP BY r.skill_name, r.trait HAVING invocation_count > 0;

CREATE VIEW IF NOT EXISTS store_counts ON CLUSTER session_buddy AS
SELECT 'sessions' AS name, (SELECT sum(r.value) FROM roll_store AS r WHERE r.name = 'sessions') AS value;

CREATE VIEW IF NOT EXISTS store_moment ON CLUSTER session_buddy AS
SELECT ifNull((SELECT argMaxOrNull(c.now, c.version) FROM store_clock AS c), now64(3, 'UTC')) AS now;

CREATE VIEW IF NOT EXISTS import_checkpoint ON CLUSTER session_buddy AS
SELECT c.path AS path, c.importer AS importer, c.identity AS identity, c.size AS size,
       c.modified_ns AS modified_ns, c.offset AS offset, c.state AS state,
       concat(replaceOne(toString(c.imported_at), ' ', 'T'), 'Z') AS imported_at
FROM import_checkpoint_log AS c FINAL;

CREATE VIEW IF NOT EXISTS import_quarantine ON CLUSTER session_buddy AS
SELECT q.path AS path, q.offset AS offset, q.line AS line, q.length AS length, q.reason AS reason,
       concat(replaceOne(toString(q.seen_at), ' ', 'T'), 'Z') AS seen_at
FROM import_quarantine_log AS q FINAL;

---------- V1__core__backfill.sql

TRUNCATE TABLE roll_skill_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_skill_span_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_session_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_session_skill_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_session_skill_span_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_error_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_follow_up_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_trait_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_store_local ON CLUSTER session_buddy;

INSERT INTO roll_skill SETTINGS insert_deduplicate = 0
SELECT i.skill_name, count(), countIf(i.outcome = 'completed'), countIf(i.outcome = 'failed'),
       countIf(i.outcome = 'abandoned'), sum(ifNull(i.duration_ms, 0)), count(i.duration_ms), uniqExact(i.session_id)
FROM invocation_log AS i FINAL GROUP BY i.skill_name;

INSERT INTO roll_skill_span SETTINGS insert_deduplicate = 0
SELECT i.skill_name, min(i.invoked_at), max(i.invoked_at),
       fromUnixTimestamp64Milli(toInt64(intDiv(max(i.version), 1048576)), 'UTC'),
       argMinState(toString(i.kind), i.first_version),
       argMinStateIf(toString(assumeNotNull(i.plugin)), i.first_version, i.plugin IS NOT NULL)
FROM invocation_log AS i FINAL GROUP BY i.skill_name;

INSERT INTO roll_session SETTINGS insert_deduplicate = 0
SELECT i.session_id, count(), countIf(i.outcome = 'completed'), countIf(i.outcome = 'failed'),
       countIf(i.outcome = 'abandoned'), min(i.invoked_at), max(i.invoked_at),
       argMinState(toString(i.user_id), i.first_version), argMinState(toString(i.source), i.first_version),
       argMinStateIf(toString(assumeNotNull(i.project)), i.first_version, i.project IS NOT NULL)
FROM invocation_log AS i FINAL GROUP BY i.session_id;

INSERT INTO roll_session_skill SETTINGS insert_deduplicate = 0
SELECT i.session_id, i.skill_name, count(), countIf(i.outcome = 'completed'), countIf(i.outcome = 'failed'),
       countIf(i.outcome = 'abandoned'), sum(ifNull(i.duration_ms, 0)), count(i.duration_ms)
FROM invocation_log AS i FINAL GROUP BY i.session_id, i.skill_name;

INSERT INTO roll_session_skill_span SETTINGS insert_deduplicate = 0
SELECT i.session_id, i.skill_name, min(i.invoked_at), max(i.invoked_at),
       argMinState(toString(i.user_id), i.first_version),
       argMaxStateIf(assumeNotNull(i.rating), (i.invoked_at, i.first_version, i.version), i.rating IS NOT NULL),
       argMaxStateIf(assumeNotNull(i.alternatives_considered), (i.invoked_at, i.first_version, i.version),
           i.alternatives_considered IS NOT NULL)
FROM invocation_log AS i FINAL GROUP BY i.session_id, i.skill_name;

INSERT INTO roll_error SETTINGS insert_deduplicate = 0
SELECT i.skill_name, ifNull(toString(i.error_type), 'other') AS type, count()
FROM invocation_log AS i FINAL WHERE i.outcome = 'failed' GROUP BY i.skill_name, type;

INSERT INTO roll_follow_up SETTINGS insert_deduplicate = 0
SELECT i.skill_name, arrayJoin(JSONExtract(assumeNotNull(i.follow_up_actions), 'Array(String)')) AS action, count()
FROM invocation_log AS i FINAL WHERE i.follow_up_actions IS NOT NULL GROUP BY i.skill_name, action;

INSERT INTO roll_trait SETTINGS insert_deduplicate = 0
SELECT i.skill_name, arrayJoin(arrayDistinct(JSONExtract(toString(assumeNotNull(i.traits)), 'Array(String)'))) AS trait,
       count()
FROM invocation_log AS i FINAL WHERE i.traits IS NOT NULL GROUP BY i.skill_name, trait;

INSERT INTO roll_store SETTINGS insert_deduplicate = 0
SELECT 'sessions', uniqExact(i.session_id) FROM invocation_log AS i FINAL;

---------- V1__core__down.sql

DROP VIEW IF EXISTS import_quarantine ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS import_checkpoint ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS store_moment ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS store_counts ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_trait_counts ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_follow_up_counts ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_error_counts ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS session_skills ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS session_summary ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_metrics ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_invocation ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_store ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_trait ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_follow_up ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_error ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_session_skill_span ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_session_skill ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_session ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_skill_span ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_skill ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_invocation_change_sum ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_invocation_known ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_invocation_log ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS import_quarantine_log ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS import_checkpoint_log ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS store_settings ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS store_clock ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS unfinished_batch ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_store_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_store ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_trait_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_trait ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_follow_up_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_follow_up ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_error_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_error ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_session_skill_span_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_session_skill_span ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_session_skill_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_session_skill ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_session_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_session ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_skill_span_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_skill_span ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_skill_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_skill ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS invocation_known_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS invocation_known ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS invocation_log_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS invocation_log ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS invocation_change_sum_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS invocation_change_sum ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS invocation_change_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS invocation_change ON CLUSTER session_buddy SYNC;

---------- V2__embeddings__up.sql

CREATE TABLE IF NOT EXISTS text_embedding ON CLUSTER session_buddy (
    text_hash String,
    model LowCardinality(String),
    embedding String CODEC(NONE),
    created_at String,
    CONSTRAINT hash_is_sha256 CHECK length(text_hash) = 64,
    CONSTRAINT embedding_has_384_floats CHECK length(embedding) = 1536
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/text_embedding', '{shard}-{replica}') ORDER BY (text_hash, model)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS skill_description ON CLUSTER session_buddy (
    skill_name String,
    description String CODEC(ZSTD(1)),
    text_hash String,
    updated_at String,
    CONSTRAINT hash_is_sha256 CHECK length(text_hash) = 64
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_description', '{shard}-{replica}') ORDER BY skill_name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

---------- V2__embeddings__down.sql

DROP TABLE IF EXISTS skill_description ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS text_embedding ON CLUSTER session_buddy SYNC;

---------- V3__workflow__up.sql

ALTER TABLE invocation_change_local ON CLUSTER session_buddy
    ADD COLUMN IF NOT EXISTS workflow_phase LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS workflow_step_id LowCardinality(Nullable(String));

ALTER TABLE invocation_change ON CLUSTER session_buddy
    ADD COLUMN IF NOT EXISTS workflow_phase LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS workflow_step_id LowCardinality(Nullable(String));

ALTER TABLE invocation_log_local ON CLUSTER session_buddy
    ADD COLUMN IF NOT EXISTS workflow_phase LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS workflow_step_id Nullable(String) CODEC(ZSTD(1));

ALTER TABLE invocation_log ON CLUSTER session_buddy
    ADD COLUMN IF NOT EXISTS workflow_phase LowCardinality(Nullable(String)),
    ADD COLUMN IF NOT EXISTS workflow_step_id Nullable(String) CODEC(ZSTD(1));

CREATE TABLE IF NOT EXISTS roll_phase_local ON CLUSTER session_buddy (
    skill_name LowCardinality(String),
    workflow_phase LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_phase', '{replica}') ORDER BY (skill_name, workflow_phase)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_phase ON CLUSTER session_buddy AS roll_phase_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_phase_local, cityHash64(skill_name));

ALTER TABLE feed_invocation_log ON CLUSTER session_buddy MODIFY QUERY
SELECT event_id, session_id, user_id, skill_name, kind, plugin, invoked_at, outcome, error_type, duration_ms,
       duration_source, triggered_by, parent_event_id, project, agent_version, model, source,
       alternatives_considered, follow_up_actions, traits, rating, version, first_version, workflow_phase, workflow_step_id
FROM invocation_change_local WHERE sign > 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_phase ON CLUSTER session_buddy TO roll_phase_local AS
SELECT c.skill_name AS skill_name, assumeNotNull(c.workflow_phase) AS workflow_phase, sum(c.sign) AS invocation_count,
       sumIf(c.sign, c.outcome = 'completed') AS completed_count, sumIf(c.sign, c.outcome = 'failed') AS failed_count
FROM invocation_change_local AS c WHERE c.workflow_phase IS NOT NULL GROUP BY skill_name, workflow_phase;

CREATE OR REPLACE VIEW skill_invocation ON CLUSTER session_buddy AS
SELECT toInt64(bitShiftRight(cityHash64(i.event_id), 1)) AS id, i.event_id AS event_id, i.session_id AS session_id,
       i.user_id AS user_id, i.skill_name AS skill_name, i.kind AS kind, i.plugin AS plugin,
       concat(replaceOne(toString(i.invoked_at), ' ', 'T'), 'Z') AS invoked_at, i.outcome AS outcome,
       i.error_type AS error_type, i.duration_ms AS duration_ms, i.duration_source AS duration_source,
       i.triggered_by AS triggered_by, i.parent_event_id AS parent_event_id, i.project AS project,
       i.agent_version AS agent_version, i.model AS model, i.source AS source,
       i.alternatives_considered AS alternatives_considered, i.follow_up_actions AS follow_up_actions,
       i.traits AS traits, i.rating AS rating, 1 AS rolled_up, i.outcome = 'completed' AS completed,
       i.duration_ms / 1000.0 AS duration_seconds, i.workflow_phase AS workflow_phase,
       i.workflow_step_id AS workflow_step_id
FROM invocation_log AS i FINAL;

CREATE VIEW IF NOT EXISTS skill_phase_counts ON CLUSTER session_buddy AS
SELECT r.skill_name AS skill_name, r.workflow_phase AS workflow_phase, sum(r.invocation_count) AS invocation_count,
       sum(r.completed_count) AS completed_count, sum(r.failed_count) AS failed_count
FROM roll_phase AS r GROUP BY r.skill_name, r.workflow_phase HAVING invocation_count > 0;

---------- V3__workflow__backfill.sql

TRUNCATE TABLE roll_phase_local ON CLUSTER session_buddy;

INSERT INTO roll_phase SETTINGS insert_deduplicate = 0
SELECT i.skill_name, toString(assumeNotNull(i.workflow_phase)), count(), countIf(i.outcome = 'completed'),
       countIf(i.outcome = 'failed')
FROM invocation_log AS i FINAL WHERE i.workflow_phase IS NOT NULL GROUP BY i.skill_name, i.workflow_phase;

---------- V3__workflow__down.sql

DROP VIEW IF EXISTS skill_phase_counts ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_phase ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_phase_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_phase ON CLUSTER session_buddy SYNC;

ALTER TABLE feed_invocation_log ON CLUSTER session_buddy MODIFY QUERY
SELECT event_id, session_id, user_id, skill_name, kind, plugin, invoked_at, outcome, error_type, duration_ms,
       duration_source, triggered_by, parent_event_id, project, agent_version, model, source,
       alternatives_considered, follow_up_actions, traits, rating, version, first_version
FROM invocation_change_local WHERE sign > 0;

CREATE OR REPLACE VIEW skill_invocation ON CLUSTER session_buddy AS
SELECT toInt64(bitShiftRight(cityHash64(i.event_id), 1)) AS id, i.event_id AS event_id, i.session_id AS session_id,
       i.user_id AS user_id, i.skill_name AS skill_name, i.kind AS kind, i.plugin AS plugin,
       concat(replaceOne(toString(i.invoked_at), ' ', 'T'), 'Z') AS invoked_at, i.outcome AS outcome,
       i.error_type AS error_type, i.duration_ms AS duration_ms, i.duration_source AS duration_source,
       i.triggered_by AS triggered_by, i.parent_event_id AS parent_event_id, i.project AS project,
       i.agent_version AS agent_version, i.model AS model, i.source AS source,
       i.alternatives_considered AS alternatives_considered, i.follow_up_actions AS follow_up_actions,
       i.traits AS traits, i.rating AS rating, 1 AS rolled_up, i.outcome = 'completed' AS completed,
       i.duration_ms / 1000.0 AS duration_seconds
FROM invocation_log AS i FINAL;

ALTER TABLE invocation_log_local ON CLUSTER session_buddy DROP COLUMN IF EXISTS workflow_step_id, DROP COLUMN IF EXISTS workflow_phase;

ALTER TABLE invocation_log ON CLUSTER session_buddy DROP COLUMN IF EXISTS workflow_step_id, DROP COLUMN IF EXISTS workflow_phase;

ALTER TABLE invocation_change_local ON CLUSTER session_buddy DROP COLUMN IF EXISTS workflow_step_id, DROP COLUMN IF EXISTS workflow_phase;

ALTER TABLE invocation_change ON CLUSTER session_buddy DROP COLUMN IF EXISTS workflow_step_id, DROP COLUMN IF EXISTS workflow_phase;

---------- V4__phase4_extensions__up.sql

ALTER TABLE invocation_change_local ON CLUSTER session_buddy
    ADD COLUMN IF NOT EXISTS joins_user Int8,
    ADD COLUMN IF NOT EXISTS partners Array(String);

ALTER TABLE invocation_change ON CLUSTER session_buddy
    ADD COLUMN IF NOT EXISTS joins_user Int8,
    ADD COLUMN IF NOT EXISTS partners Array(String);

CREATE TABLE IF NOT EXISTS roll_minute_local ON CLUSTER session_buddy (
    minute DateTime('UTC'),
    skill_name LowCardinality(String),
    invocation_count SimpleAggregateFunction(sum, Int64),
    completed_count SimpleAggregateFunction(sum, Int64),
    failed_count SimpleAggregateFunction(sum, Int64),
    kept_until SimpleAggregateFunction(max, DateTime('UTC'))
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/roll_minute', '{replica}') ORDER BY (minute, skill_name)
TTL kept_until
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_minute ON CLUSTER session_buddy AS roll_minute_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_minute_local, cityHash64(skill_name));

CREATE TABLE IF NOT EXISTS roll_hour_local ON CLUSTER session_buddy (
    hour DateTime('UTC'),
    skill_name LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64,
    duration_ms_sum Int64,
    duration_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_hour', '{replica}') PARTITION BY toYear(hour)
ORDER BY (hour, skill_name)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_hour ON CLUSTER session_buddy AS roll_hour_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_hour_local, cityHash64(skill_name));

CREATE TABLE IF NOT EXISTS roll_hour_session_local ON CLUSTER session_buddy (
    skill_name LowCardinality(String),
    hour DateTime('UTC'),
    session_id String,
    invocation_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_hour_session', '{replica}') PARTITION BY toYYYYMM(hour)
ORDER BY (skill_name, hour, session_id)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS roll_hour_session ON CLUSTER session_buddy AS roll_hour_session_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_hour_session_local, cityHash64(session_id));

CREATE TABLE IF NOT EXISTS roll_user_skill_local ON CLUSTER session_buddy (
    user_id String,
    skill_name LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64,
    duration_ms_sum Int64,
    duration_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_user_skill', '{replica}') ORDER BY (user_id, skill_name)
SETTINGS index_granularity = 256, replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_user_skill ON CLUSTER session_buddy AS roll_user_skill_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_user_skill_local, cityHash64(user_id));

CREATE TABLE IF NOT EXISTS roll_skill_users_local ON CLUSTER session_buddy (
    skill_name LowCardinality(String),
    total_users Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_skill_users', '{replica}') ORDER BY skill_name
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_skill_users ON CLUSTER session_buddy AS roll_skill_users_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_skill_users_local, cityHash64(skill_name));

CREATE TABLE IF NOT EXISTS roll_pair_local ON CLUSTER session_buddy (
    skill_a LowCardinality(String),
    skill_b LowCardinality(String),
    co_occurrence_count SimpleAggregateFunction(sum, Int64),
    written_at SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
) ENGINE = ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/roll_pair', '{replica}') ORDER BY (skill_a, skill_b)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_pair ON CLUSTER session_buddy AS roll_pair_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_pair_local, cityHash64(skill_a));

CREATE TABLE IF NOT EXISTS roll_duration_local ON CLUSTER session_buddy (
    skill_name LowCardinality(String),
    le_ms Int64,
    invocation_count Int64
) ENGINE = ReplicatedSummingMergeTree('/clickhouse/tables/{shard}/{database}/roll_duration', '{replica}') ORDER BY (skill_name, le_ms)
SETTINGS replicated_deduplication_window = 1000, replicated_deduplication_window_seconds = 604800, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_duration ON CLUSTER session_buddy AS roll_duration_local ENGINE = Distributed(session_buddy, currentDatabase(), roll_duration_local, cityHash64(skill_name));

CREATE TABLE IF NOT EXISTS skill_anomalies ON CLUSTER session_buddy (
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
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_anomalies', '{shard}-{replica}') ORDER BY id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS skill_clusters ON CLUSTER session_buddy (
    cluster_id Int64 DEFAULT toInt64(generateSnowflakeID()),
    cluster_name String,
    description Nullable(String),
    centroid_embedding Nullable(String),
    created_at String,
    CONSTRAINT name_is_there CHECK cluster_name <> '',
    CONSTRAINT centroid_has_384_floats CHECK ifNull(length(centroid_embedding), 1536) = 1536
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_clusters', '{shard}-{replica}') ORDER BY cluster_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS skill_cluster_membership ON CLUSTER session_buddy (
    skill_name String,
    cluster_id Int64,
    membership_score Nullable(Float64),
    CONSTRAINT score_is_fraction CHECK ifNull(membership_score, 0) BETWEEN 0 AND 1
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_cluster_membership', '{shard}-{replica}') ORDER BY (skill_name, cluster_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS community_publishers ON CLUSTER session_buddy (
    publisher String,
    sequence Int64,
    published_at String,
    imported_at String,
    min_users Int64,
    epsilon Nullable(Float64),
    CONSTRAINT publisher_is_there CHECK publisher <> '',
    CONSTRAINT counts_are_counts CHECK sequence >= 0 AND min_users >= 1,
    CONSTRAINT epsilon_is_positive CHECK ifNull(epsilon, 1) > 0
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/community_publishers', '{shard}-{replica}') ORDER BY publisher
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS community_shares ON CLUSTER session_buddy (
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
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/community_shares', '{shard}-{replica}') ORDER BY (publisher, skill_name)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS learned_models ON CLUSTER session_buddy (
    model_name String,
    version Int64,
    algorithm String,
    fitted_at String,
    details String,
    data String CODEC(NONE),
    CONSTRAINT name_is_there CHECK model_name <> '' AND algorithm <> '',
    CONSTRAINT version_counts CHECK version >= 1,
    CONSTRAINT details_are_json CHECK isValidJSON(details)
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/learned_models', '{shard}-{replica}') ORDER BY model_name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS refresh_jobs ON CLUSTER session_buddy (
    job_name String,
    started_at String,
    duration_seconds Float64,
    row_count Int64,
    error Nullable(String),
    CONSTRAINT name_is_there CHECK job_name <> '',
    CONSTRAINT counts_are_counts CHECK row_count >= 0 AND duration_seconds >= 0
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/refresh_jobs', '{shard}-{replica}') ORDER BY job_name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS ab_test_configs ON CLUSTER session_buddy (
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
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/ab_test_configs', '{shard}-{replica}') ORDER BY test_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS ab_test_assignments_local ON CLUSTER session_buddy (
    assignment_id Int64 DEFAULT toInt64(generateSnowflakeID()),
    test_id Int64,
    user_id String,
    group_name LowCardinality(String),
    assigned_at String,
    CONSTRAINT user_is_there CHECK user_id <> '',
    CONSTRAINT group_is_known CHECK group_name IN ('control', 'treatment')
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/ab_test_assignments', '{replica}') ORDER BY (test_id, user_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS ab_test_assignments ON CLUSTER session_buddy AS ab_test_assignments_local ENGINE = Distributed(session_buddy, currentDatabase(), ab_test_assignments_local, cityHash64(user_id));

CREATE TABLE IF NOT EXISTS ab_test_outcomes_local ON CLUSTER session_buddy (
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
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/ab_test_outcomes', '{replica}') ORDER BY (test_id, user_id, outcome_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS ab_test_outcomes ON CLUSTER session_buddy AS ab_test_outcomes_local ENGINE = Distributed(session_buddy, currentDatabase(), ab_test_outcomes_local, cityHash64(user_id));

CREATE TABLE IF NOT EXISTS ab_test_exposures_local ON CLUSTER session_buddy (
    test_id Int64,
    user_id String,
    exposed_on String,
    group_name LowCardinality(String),
    exposed_at String,
    CONSTRAINT user_is_there CHECK user_id <> '',
    CONSTRAINT group_is_known CHECK group_name IN ('control', 'treatment'),
    CONSTRAINT exposed_is_time CHECK parseDateTime64BestEffortOrNull(exposed_at, 3, 'UTC') IS NOT NULL,
    CONSTRAINT day_is_that_of_the_time CHECK substring(exposed_at, 1, 10) = exposed_on
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/ab_test_exposures', '{replica}') ORDER BY (test_id, user_id, exposed_on)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS ab_test_exposures ON CLUSTER session_buddy AS ab_test_exposures_local ENGINE = Distributed(session_buddy, currentDatabase(), ab_test_exposures_local, cityHash64(user_id));

CREATE TABLE IF NOT EXISTS ab_test_events ON CLUSTER session_buddy (
    event_id Int64,
    test_id Int64,
    happened_at String,
    actor String,
    action LowCardinality(String),
    details Nullable(String),
    CONSTRAINT names_are_there CHECK actor <> '' AND action <> '',
    CONSTRAINT happened_is_time CHECK parseDateTime64BestEffortOrNull(happened_at, 3, 'UTC') IS NOT NULL,
    CONSTRAINT details_are_json CHECK isValidJSON(ifNull(details, '{}'))
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/ab_test_events', '{shard}-{replica}') ORDER BY event_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS ab_test_covariates_local ON CLUSTER session_buddy (
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
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/ab_test_covariates', '{replica}') ORDER BY (test_id, user_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS ab_test_covariates ON CLUSTER session_buddy AS ab_test_covariates_local ENGINE = Distributed(session_buddy, currentDatabase(), ab_test_covariates_local, cityHash64(user_id));

CREATE TABLE IF NOT EXISTS skill_categories ON CLUSTER session_buddy (
    category_id Int64,
    category_name String,
    parent_category_id Nullable(Int64),
    description Nullable(String),
    domain LowCardinality(Nullable(String)),
    created_at String,
    scheme LowCardinality(String) DEFAULT 'session-buddy',
    CONSTRAINT name_is_there CHECK category_name <> '' AND scheme <> '',
    CONSTRAINT domain_is_known CHECK ifNull(domain, 'code') IN ('code', 'documentation', 'testing', 'deployment')
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_categories', '{shard}-{replica}') ORDER BY category_id
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS skill_category_mapping ON CLUSTER session_buddy (
    skill_name String,
    category_id Int64,
    confidence_score Nullable(Float64),
    assigned_at String,
    
    assigned_by LowCardinality(String) DEFAULT 'person',
    
    overruled Nullable(String),
    CONSTRAINT source_is_known CHECK assigned_by IN ('predefined', 'rules', 'inference', 'person'),
    CONSTRAINT overruled_is_known CHECK ifNull(overruled, 'rules') IN ('predefined', 'rules'),
    CONSTRAINT confidence_is_fraction CHECK ifNull(confidence_score, 0) BETWEEN 0 AND 1
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_category_mapping', '{shard}-{replica}') ORDER BY (skill_name, category_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS skill_modalities ON CLUSTER session_buddy (
    skill_name String,
    
    modality_type LowCardinality(String),
    input_format Nullable(String),
    output_format Nullable(String),
    requires_human_review UInt8 DEFAULT 0,
    created_at String,
    
    assigned_by LowCardinality(String) DEFAULT 'person',
    review_assigned_by LowCardinality(String) DEFAULT 'inference',
    CONSTRAINT source_is_known CHECK assigned_by IN ('predefined', 'rules', 'inference', 'person')
        AND review_assigned_by IN ('inference', 'person'),
    CONSTRAINT type_is_known CHECK modality_type IN ('code', 'documentation', 'testing', 'deployment', 'unknown')
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_modalities', '{shard}-{replica}') ORDER BY skill_name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS skill_sources ON CLUSTER session_buddy (
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
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_sources', '{shard}-{replica}') ORDER BY (machine, path)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS skill_dependency_details ON CLUSTER session_buddy (
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
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_dependency_details', '{shard}-{replica}') ORDER BY (skill_a, skill_b)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

CREATE TABLE IF NOT EXISTS skill_paths ON CLUSTER session_buddy (
    path String,
    length Int64,
    session_count Int64,
    occurrence_count Int64,
    median_seconds Nullable(Float64),
    last_updated String,
    CONSTRAINT path_is_array CHECK JSONType(path) = 'Array' AND length >= 2,
    CONSTRAINT counts_are_counts CHECK session_count >= 1 AND occurrence_count >= session_count
        AND ifNull(median_seconds, 0) >= 0
) ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{database}/skill_paths', '{shard}-{replica}') ORDER BY path
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, replicated_deduplication_window = 0;

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

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_minute ON CLUSTER session_buddy TO roll_minute_local AS
SELECT toStartOfMinute(c.invoked_at) AS minute, c.skill_name AS skill_name, sum(c.sign) AS invocation_count,
       sumIf(c.sign, c.outcome = 'completed') AS completed_count, sumIf(c.sign, c.outcome = 'failed') AS failed_count,
       greatest(minute, toDateTime(intDiv(max(c.version), 1048576000), 'UTC')) + INTERVAL 3 DAY AS kept_until
FROM invocation_change_local AS c
WHERE c.invoked_at >= (SELECT toStartOfMinute(m.now - INTERVAL 2 DAY) FROM store_moment AS m)
GROUP BY minute, skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_duration ON CLUSTER session_buddy TO roll_duration_local AS
SELECT c.skill_name AS skill_name,
       toInt64(-roundDown(-assumeNotNull(c.duration_ms), [
           -9223372036854775807, -10000000, -7000000, -5000000, -3000000, -2000000, -1500000, -1000000, -700000,
           -500000, -300000, -200000, -150000, -100000, -70000, -50000, -30000, -20000, -15000, -10000, -7000, -5000,
           -3000, -2000, -1500, -1000, -700, -500, -300, -200, -150, -100, -70, -50, -30, -20, -15, -10, -7, -5, -3,
           -2, -1
       ])) AS le_ms,
       sum(c.sign) AS invocation_count
FROM invocation_change_local AS c WHERE c.duration_ms IS NOT NULL GROUP BY skill_name, le_ms;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_hour ON CLUSTER session_buddy TO roll_hour_local AS
SELECT c.hour AS hour, c.skill_name AS skill_name, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.duration_ms_sum) AS duration_ms_sum, sum(c.duration_count) AS duration_count
FROM invocation_change_sum_local AS c GROUP BY hour, skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_hour_session ON CLUSTER session_buddy TO roll_hour_session_local AS
SELECT c.skill_name AS skill_name, c.hour AS hour, c.session_id AS session_id,
       sum(c.invocation_count) AS invocation_count
FROM invocation_change_sum_local AS c GROUP BY skill_name, hour, session_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_user_skill ON CLUSTER session_buddy TO roll_user_skill_local AS
SELECT c.user_id AS user_id, c.skill_name AS skill_name, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.duration_ms_sum) AS duration_ms_sum, sum(c.duration_count) AS duration_count
FROM invocation_change_sum_local AS c GROUP BY user_id, skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_skill_users ON CLUSTER session_buddy TO roll_skill_users_local AS
SELECT c.skill_name AS skill_name, sum(c.joins_user) AS total_users
FROM invocation_change_local AS c WHERE c.joins_user <> 0 GROUP BY skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_pair ON CLUSTER session_buddy TO roll_pair_local AS
SELECT least(p.skill, p.partner) AS skill_a, greatest(p.skill, p.partner) AS skill_b,
       sum(p.change) AS co_occurrence_count,
       fromUnixTimestamp64Milli(toInt64(intDiv(max(p.version), 1048576)), 'UTC') AS written_at
FROM (
    SELECT c.skill_name AS skill, arrayJoin(c.partners) AS partner, c.joins_session AS change, c.version AS version
    FROM invocation_change_local AS c WHERE c.joins_session <> 0
) AS p
GROUP BY skill_a, skill_b;

CREATE VIEW IF NOT EXISTS skill_window_counts ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS skill_minute_buckets ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS skill_metrics_cache ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS skill_time_series ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS skill_day_buckets ON CLUSTER session_buddy AS
SELECT d.skill_name AS skill_name, concat(toString(d.start), 'T00:00:00.000Z') AS day, d.n AS invocation_count,
       d.completed AS completed_count, d.failed AS failed_count, d.duration_ms AS duration_ms_sum,
       d.durations AS duration_count
FROM (
    SELECT r.skill_name AS skill_name, toDate(r.hour) AS start, sum(r.invocation_count) AS n,
           sum(r.completed_count) AS completed, sum(r.failed_count) AS failed,
           sum(r.duration_ms_sum) AS duration_ms, sum(r.duration_count) AS durations
    FROM roll_hour AS r GROUP BY r.skill_name, start HAVING n > 0
) AS d;

CREATE VIEW IF NOT EXISTS duration_bounds ON CLUSTER session_buddy AS
SELECT arrayJoin([1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000,
        3000, 5000, 7000, 10000, 15000, 20000, 30000, 50000, 70000, 100000, 150000, 200000,
        300000, 500000, 700000, 1000000, 1500000, 2000000, 3000000, 5000000, 7000000, 10000000,
        9223372036854775807]) AS le_ms;

CREATE VIEW IF NOT EXISTS skill_duration_counts ON CLUSTER session_buddy AS
SELECT r.skill_name AS skill_name, r.le_ms AS le_ms, sum(r.invocation_count) AS invocation_count
FROM roll_duration AS r GROUP BY r.skill_name, r.le_ms HAVING invocation_count > 0;

CREATE VIEW IF NOT EXISTS user_skill_metrics ON CLUSTER session_buddy AS
SELECT r.user_id AS user_id, r.skill_name AS skill_name, sum(r.invocation_count) AS invocation_count,
       sum(r.completed_count) AS completed_count, sum(r.failed_count) AS failed_count,
       sum(r.duration_ms_sum) AS duration_ms_sum, sum(r.duration_count) AS duration_count
FROM roll_user_skill AS r GROUP BY r.user_id, r.skill_name HAVING invocation_count > 0;

CREATE VIEW IF NOT EXISTS skill_community_baselines ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS skill_user_interactions ON CLUSTER session_buddy AS
SELECT toInt64(bitShiftRight(cityHash64(s.session_id, s.skill_name), 1)) AS id, s.user_id AS user_id,
       s.session_id AS session_id, s.skill_name AS skill_name, s.first_invoked_at AS invoked_at,
       s.completed_count > 0 AS completed, s.rating AS rating, s.alternatives_considered AS alternatives_considered
FROM session_skills AS s;

CREATE VIEW IF NOT EXISTS skill_dependencies ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS ab_test_user_sums ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS ab_test_group_counts ON CLUSTER session_buddy AS
SELECT s.test_id AS test_id, s.group_name AS group_name, toInt64(count()) AS user_count,
       sum(s.outcome_count) AS outcome_count, sum(s.completed_count) AS completed_count,
       sum(s.duration_sum) AS duration_sum, sum(s.duration_count) AS duration_count,
       sum(s.rating_sum) AS rating_sum, sum(s.rating_count) AS rating_count
FROM ab_test_user_sums AS s GROUP BY s.test_id, s.group_name;

CREATE VIEW IF NOT EXISTS v_realtime_skill_dashboard ON CLUSTER session_buddy AS
SELECT c.skill_name AS skill_name, m.kind AS kind, c.last_invocation_at AS last_invocation_at,
       c.invocation_count_1h AS invocation_count_1h, c.invocation_count_24h AS invocation_count_24h,
       c.avg_completion_rate_24h AS avg_completion_rate_24h, m.completion_rate AS completion_rate,
       m.invocation_count AS total_invocations, m.avg_duration_seconds AS avg_duration_seconds,
       c.is_anomalous AS is_anomalous, c.anomaly_score AS anomaly_score, c.updated_at AS updated_at
FROM skill_metrics_cache AS c INNER JOIN skill_metrics AS m ON m.skill_name = c.skill_name;

CREATE VIEW IF NOT EXISTS v_skill_effectiveness_trend ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS v_community_baseline_comparison ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS v_skill_dependency_network ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS v_ab_test_summary ON CLUSTER session_buddy AS
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

CREATE VIEW IF NOT EXISTS v_multimodal_skill_catalog ON CLUSTER session_buddy AS
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

---------- V4__phase4_extensions__backfill.sql

TRUNCATE TABLE roll_minute_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_hour_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_duration_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_hour_session_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_user_skill_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_skill_users_local ON CLUSTER session_buddy;

TRUNCATE TABLE roll_pair_local ON CLUSTER session_buddy;

INSERT INTO roll_minute SETTINGS insert_deduplicate = 0
SELECT toStartOfMinute(i.invoked_at) AS start, i.skill_name, count(), countIf(i.outcome = 'completed'),
       countIf(i.outcome = 'failed'), greatest(start, now('UTC')) + INTERVAL 3 DAY
FROM invocation_log AS i FINAL
WHERE i.invoked_at >= (SELECT toStartOfMinute(m.now - INTERVAL 2 DAY) FROM store_moment AS m)
GROUP BY start, i.skill_name;

INSERT INTO roll_duration SETTINGS insert_deduplicate = 0
SELECT i.skill_name, arrayFirst(b -> b >= i.duration_ms, [1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1000, 1500, 2000,
        3000, 5000, 7000, 10000, 15000, 20000, 30000, 50000, 70000, 100000, 150000, 200000,
        300000, 500000, 700000, 1000000, 1500000, 2000000, 3000000, 5000000, 7000000, 10000000,
        9223372036854775807]) AS le_ms, count()
FROM invocation_log AS i FINAL WHERE i.duration_ms IS NOT NULL GROUP BY i.skill_name, le_ms;

INSERT INTO roll_hour SETTINGS insert_deduplicate = 0
SELECT toStartOfHour(i.invoked_at) AS start, i.skill_name, count(), countIf(i.outcome = 'completed'),
       countIf(i.outcome = 'failed'), sum(ifNull(i.duration_ms, 0)), count(i.duration_ms)
FROM invocation_log AS i FINAL GROUP BY start, i.skill_name;

INSERT INTO roll_hour_session SETTINGS insert_deduplicate = 0
SELECT i.skill_name, toStartOfHour(i.invoked_at) AS start, i.session_id, count()
FROM invocation_log AS i FINAL GROUP BY i.skill_name, start, i.session_id;

INSERT INTO roll_user_skill SETTINGS insert_deduplicate = 0
SELECT i.user_id, i.skill_name, count(), countIf(i.outcome = 'completed'), countIf(i.outcome = 'failed'),
       sum(ifNull(i.duration_ms, 0)), count(i.duration_ms)
FROM invocation_log AS i FINAL GROUP BY i.user_id, i.skill_name;

INSERT INTO roll_skill_users SETTINGS insert_deduplicate = 0
SELECT i.skill_name, uniqExact(i.user_id) FROM invocation_log AS i FINAL GROUP BY i.skill_name;

INSERT INTO roll_pair SETTINGS insert_deduplicate = 0
SELECT p.pair.1, p.pair.2, count(), now64(3, 'UTC')
FROM (
    SELECT arrayJoin(arrayFlatten(arrayMap(
        (a, n) -> arrayMap(b -> (a, b), arraySlice(s.skills, n + 1)), s.skills, arrayEnumerate(s.skills)))) AS pair
    FROM (
        SELECT arraySort(groupUniqArray(toString(i.skill_name))) AS skills
        FROM invocation_log AS i FINAL GROUP BY i.session_id
    ) AS s
) AS p
GROUP BY p.pair;

---------- V4__phase4_extensions__down.sql

DROP VIEW IF EXISTS v_multimodal_skill_catalog ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS v_ab_test_summary ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS v_skill_dependency_network ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS v_community_baseline_comparison ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS v_skill_effectiveness_trend ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS v_realtime_skill_dashboard ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS ab_test_group_counts ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS ab_test_user_sums ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_dependencies ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_user_interactions ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_community_baselines ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS user_skill_metrics ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_duration_counts ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS duration_bounds ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_day_buckets ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_time_series ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_metrics_cache ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_minute_buckets ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS skill_window_counts ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_pair ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_skill_users ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_user_skill ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_hour_session ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_hour ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_duration ON CLUSTER session_buddy SYNC;

DROP VIEW IF EXISTS feed_roll_minute ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS skill_paths ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS skill_dependency_details ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS skill_sources ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS skill_modalities ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS skill_category_mapping ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS skill_categories ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_covariates_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_covariates ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_events ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_exposures_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_exposures ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_outcomes_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_outcomes ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_assignments_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_assignments ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS ab_test_configs ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS refresh_jobs ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS learned_models ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS community_shares ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS community_publishers ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS skill_cluster_membership ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS skill_clusters ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS skill_anomalies ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_pair_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_pair ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_skill_users_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_skill_users ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_user_skill_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_user_skill ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_hour_session_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_hour_session ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_hour_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_hour ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_duration_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_duration ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_minute_local ON CLUSTER session_buddy SYNC;

DROP TABLE IF EXISTS roll_minute ON CLUSTER session_buddy SYNC;

ALTER TABLE invocation_change_local ON CLUSTER session_buddy DROP COLUMN IF EXISTS partners, DROP COLUMN IF EXISTS joins_user;

ALTER TABLE invocation_change ON CLUSTER session_buddy DROP COLUMN IF EXISTS partners, DROP COLUMN IF EXISTS joins_user;
