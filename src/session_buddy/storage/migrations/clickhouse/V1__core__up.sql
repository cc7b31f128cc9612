-- V1: the event log and what is counted from it.
--
-- Every statement may run again: what exists already is left as it is. ClickHouse has no
-- transaction around a script; one that stopped half-way is simply run again from its start.
--
-- Physical tables hold DateTime64 in UTC; what people read are views of the names and columns
-- that the SQLite schema has, with times as canonical text. Tables named roll_* are sums of
-- signed changes and are added up when read: rows of one key may stand in several parts.
--
-- Settings of the tables that every batch is counted in: no statistics of columns, which no query here is planned by
-- and which are a quarter of a merge; and in the large ones ten parts at least in a merge, so that rows are written
-- again less often. An insert of events is one file and not one for each column, as each has to be flushed.

-- The one door: every insert of events goes in here and nowhere else. Nothing is kept in this
-- table; the materialized views on it feed all others, under one deduplication token, so that a
-- batch sent again, also after a failure half-way through the views, counts once everywhere.
-- sign: +1 a state came, -1 a state went. version: grows with time; its upper bits are the
-- milliseconds since 1970 at which the row was written. first_version: that of the first telling
-- of the event; it orders events by their arrival. opens_session, joins_session: +1 (-1)
-- with the first (last) invocation of the session, of the skill in the session.
CREATE TABLE IF NOT EXISTS invocation_change (
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

-- The same, a batch at a time, added up by what most roll-ups share: counting the few rows of
-- this again and again costs little. came: rows of sign +1; what follows kind is of them alone.
-- earliest: of all rows. versions beside texts: that of the telling which the text is from.
CREATE TABLE IF NOT EXISTS invocation_change_sum (
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

-- The truth. The newest version of an event counts; id, time, session and user never change.
-- In the order of time: events come about in that order, so that there is little to sort.
CREATE TABLE IF NOT EXISTS invocation_log (
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
    -- As skill_invocation tells it: what is asked for some days reads these, not the whole log.
    INDEX idx_invocation_moment concat(replaceOne(toString(invoked_at), ' ', 'T'), 'Z') TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(invoked_at)
ORDER BY (invoked_at, event_id)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10, min_bytes_for_wide_part = 67108864;

-- Which events are there and when, in an order in which they are quickly found.
CREATE TABLE IF NOT EXISTS invocation_known (
    day Date,
    event_key UInt64 CODEC(NONE),
    invoked_at DateTime64(3, 'UTC') CODEC(T64, LZ4)
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, event_key, invoked_at)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS roll_skill (
    skill_name LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64,
    abandoned_count Int64,
    duration_ms_sum Int64,
    duration_count Int64,
    session_count Int64
) ENGINE = SummingMergeTree
ORDER BY skill_name
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

-- What cannot be subtracted. Where the first or last invocation of a skill turns out to be of
-- another skill, the writer counts the row of the skill it seemed to be again.
CREATE TABLE IF NOT EXISTS roll_skill_span (
    skill_name LowCardinality(String),
    first_invoked_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_invoked_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    written_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    kind AggregateFunction(argMin, String, UInt64),
    plugin AggregateFunction(argMin, String, UInt64)
) ENGINE = AggregatingMergeTree
ORDER BY skill_name
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_session (
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
) ENGINE = AggregatingMergeTree
ORDER BY session_id
SETTINGS index_granularity = 256, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS roll_session_skill (
    session_id String,
    skill_name LowCardinality(String),
    invocation_count Int64,
    completed_count Int64,
    failed_count Int64,
    abandoned_count Int64,
    duration_ms_sum Int64,
    duration_count Int64
) ENGINE = SummingMergeTree
ORDER BY (session_id, skill_name)
SETTINGS index_granularity = 256, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS roll_session_skill_span (
    session_id String,
    skill_name LowCardinality(String),
    first_invoked_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
    last_invoked_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    user_id AggregateFunction(argMin, String, UInt64),
    rating AggregateFunction(argMax, Float64, Tuple(DateTime64(3, 'UTC'), UInt64, UInt64)),
    alternatives_considered AggregateFunction(argMax, String, Tuple(DateTime64(3, 'UTC'), UInt64, UInt64))
) ENGINE = AggregatingMergeTree
ORDER BY (session_id, skill_name)
SETTINGS index_granularity = 256, non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '', min_parts_to_merge_at_once = 10;

CREATE TABLE IF NOT EXISTS roll_error (
    skill_name LowCardinality(String),
    error_type LowCardinality(String),
    failure_count Int64
) ENGINE = SummingMergeTree
ORDER BY (skill_name, error_type)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_follow_up (
    skill_name LowCardinality(String),
    follow_up String,
    follow_up_count Int64
) ENGINE = SummingMergeTree
ORDER BY (skill_name, follow_up)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_trait (
    skill_name LowCardinality(String),
    trait String,
    invocation_count Int64
) ENGINE = SummingMergeTree
ORDER BY (skill_name, trait)
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

CREATE TABLE IF NOT EXISTS roll_store (
    name LowCardinality(String),
    value Int64
) ENGINE = SummingMergeTree
ORDER BY name
SETTINGS non_replicated_deduplication_window = 1000, fsync_after_insert = 1, fsync_part_directory = 1,
         auto_statistics_types = '';

-- A batch that was begun: written before its events, marked done after them. Whoever finds one
-- that is not done sends it again, under the same token. No TTL: it could take the row that says a batch is done
-- before the row that holds it.
CREATE TABLE IF NOT EXISTS unfinished_batch (
    token String,
    begun_at DateTime DEFAULT now(),
    contents String CODEC(LZ4),
    done UInt8
) ENGINE = ReplacingMergeTree(done)
ORDER BY token
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

-- Empty but in tests: the moment that views take for now.
CREATE TABLE IF NOT EXISTS store_clock (
    id UInt8,
    now DateTime64(3, 'UTC'),
    version UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY id;

CREATE TABLE IF NOT EXISTS store_settings (
    name String,
    value String
) ENGINE = ReplacingMergeTree
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS import_checkpoint_log (
    path String,
    importer String,
    identity String,
    size Int64,
    modified_ns Int64,
    offset Int64,
    state String,
    imported_at DateTime64(3, 'UTC'),
    version UInt64
) ENGINE = ReplacingMergeTree(version)
ORDER BY path
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS import_quarantine_log (
    path String,
    offset Int64,
    line Int64,
    length Int64,
    reason String,
    seen_at DateTime64(3, 'UTC'),
    CONSTRAINT line_counts_from_one CHECK line >= 1 AND offset >= 0 AND length >= 0
) ENGINE = ReplacingMergeTree
ORDER BY (path, offset, reason)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

------------------------------------------------------------------ what feeds what

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_invocation_log TO invocation_log AS
SELECT event_id, session_id, user_id, skill_name, kind, plugin, invoked_at, outcome, error_type, duration_ms,
       duration_source, triggered_by, parent_event_id, project, agent_version, model, source,
       alternatives_considered, follow_up_actions, traits, rating, version, first_version
FROM invocation_change WHERE sign > 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_invocation_known TO invocation_known AS
SELECT toDate(c.invoked_at) AS day, cityHash64(c.event_id) AS event_key, c.invoked_at AS invoked_at
FROM invocation_change AS c WHERE c.sign > 0;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_invocation_change_sum TO invocation_change_sum AS
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
FROM invocation_change AS c GROUP BY session_id, user_id, skill_name, hour;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_skill TO roll_skill AS
SELECT c.skill_name AS skill_name, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.abandoned_count) AS abandoned_count, sum(c.duration_ms_sum) AS duration_ms_sum,
       sum(c.duration_count) AS duration_count, sum(c.joins_session) AS session_count
FROM invocation_change_sum AS c GROUP BY skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_skill_span TO roll_skill_span AS
SELECT c.skill_name AS skill_name, min(c.first_invoked_at) AS first_invoked_at,
       max(c.last_invoked_at) AS last_invoked_at,
       fromUnixTimestamp64Milli(toInt64(intDiv(max(c.version), 1048576)), 'UTC') AS written_at,
       argMinState(c.kind, c.first_version) AS kind,
       argMinStateIf(assumeNotNull(c.plugin), c.plugin_version, c.plugin IS NOT NULL) AS plugin
FROM invocation_change_sum AS c WHERE c.came > 0 GROUP BY skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_session TO roll_session AS
SELECT c.session_id AS session_id, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.abandoned_count) AS abandoned_count,
       min(c.earliest) AS first_invoked_at, max(c.last_invoked_at) AS last_invoked_at,
       argMinStateIf(toString(c.user_id), c.first_version, c.came > 0) AS user_id,
       argMinStateIf(c.source, c.first_version, c.came > 0) AS source,
       argMinStateIf(assumeNotNull(c.project), c.project_version, c.project IS NOT NULL) AS project
FROM invocation_change_sum AS c GROUP BY session_id;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_session_skill TO roll_session_skill AS
SELECT c.session_id AS session_id, c.skill_name AS skill_name, sum(c.invocation_count) AS invocation_count,
       sum(c.completed_count) AS completed_count, sum(c.failed_count) AS failed_count,
       sum(c.abandoned_count) AS abandoned_count, sum(c.duration_ms_sum) AS duration_ms_sum,
       sum(c.duration_count) AS duration_count
FROM invocation_change_sum AS c GROUP BY session_id, skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_session_skill_span TO roll_session_skill_span AS
SELECT c.session_id AS session_id, c.skill_name AS skill_name,
       min(c.first_invoked_at) AS first_invoked_at, max(c.last_invoked_at) AS last_invoked_at,
       argMinState(toString(c.user_id), c.first_version) AS user_id,
       argMaxStateIf(assumeNotNull(c.rating), c.rated_at, c.rating IS NOT NULL) AS rating,
       argMaxStateIf(assumeNotNull(c.alternatives_considered), c.considered_at,
           c.alternatives_considered IS NOT NULL) AS alternatives_considered
FROM invocation_change_sum AS c WHERE c.came > 0 GROUP BY session_id, skill_name;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_error TO roll_error AS
SELECT c.skill_name AS skill_name, ifNull(c.error_type, 'other') AS error_type, sum(c.sign) AS failure_count
FROM invocation_change AS c WHERE c.outcome = 'failed' GROUP BY skill_name, error_type;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_follow_up TO roll_follow_up AS
SELECT c.skill_name AS skill_name,
       arrayJoin(JSONExtract(assumeNotNull(c.follow_up_actions), 'Array(String)')) AS follow_up,
       sum(c.sign) AS follow_up_count
FROM invocation_change AS c WHERE c.follow_up_actions IS NOT NULL GROUP BY skill_name, follow_up;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_trait TO roll_trait AS
SELECT c.skill_name AS skill_name,
       arrayJoin(arrayDistinct(JSONExtract(toString(assumeNotNull(c.traits)), 'Array(String)'))) AS trait,
       sum(c.sign) AS invocation_count
FROM invocation_change AS c WHERE c.traits IS NOT NULL GROUP BY skill_name, trait;

CREATE MATERIALIZED VIEW IF NOT EXISTS feed_roll_store TO roll_store AS
SELECT 'sessions' AS name, sum(c.opens_session) AS value
FROM invocation_change_sum AS c HAVING value <> 0;

------------------------------------------------------------------ what people read

-- Text order is time order only where the text is canonical: 2026-01-31T09:30:00.000Z.
CREATE VIEW IF NOT EXISTS skill_invocation AS
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

CREATE VIEW IF NOT EXISTS skill_metrics AS
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

CREATE VIEW IF NOT EXISTS session_summary AS
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

CREATE VIEW IF NOT EXISTS session_skills AS
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

CREATE VIEW IF NOT EXISTS skill_error_counts AS
SELECT r.skill_name AS skill_name, r.error_type AS error_type, sum(r.failure_count) AS failure_count
FROM roll_error AS r GROUP BY r.skill_name, r.error_type HAVING failure_count > 0;

CREATE VIEW IF NOT EXISTS skill_follow_up_counts AS
SELECT r.skill_name AS skill_name, r.follow_up AS follow_up, sum(r.follow_up_count) AS follow_up_count
FROM roll_follow_up AS r GROUP BY r.skill_name, r.follow_up HAVING follow_up_count > 0;

CREATE VIEW IF NOT EXISTS skill_trait_counts AS
SELECT r.skill_name AS skill_name, r.trait AS trait, sum(r.invocation_count) AS invocation_count
FROM roll_trait AS r GROUP BY r.skill_name, r.trait HAVING invocation_count > 0;

CREATE VIEW IF NOT EXISTS store_counts AS
SELECT 'sessions' AS name, (SELECT sum(r.value) FROM roll_store AS r WHERE r.name = 'sessions') AS value;

CREATE VIEW IF NOT EXISTS store_moment AS
SELECT ifNull((SELECT argMaxOrNull(c.now, c.version) FROM store_clock AS c), now64(3, 'UTC')) AS now;

CREATE VIEW IF NOT EXISTS import_checkpoint AS
SELECT c.path AS path, c.importer AS importer, c.identity AS identity, c.size AS size,
       c.modified_ns AS modified_ns, c.offset AS offset, c.state AS state,
       concat(replaceOne(toString(c.imported_at), ' ', 'T'), 'Z') AS imported_at
FROM import_checkpoint_log AS c FINAL;

CREATE VIEW IF NOT EXISTS import_quarantine AS
SELECT q.path AS path, q.offset AS offset, q.line AS line, q.length AS length, q.reason AS reason,
       concat(replaceOne(toString(q.seen_at), ' ', 'T'), 'Z') AS seen_at
FROM import_quarantine_log AS q FINAL;
