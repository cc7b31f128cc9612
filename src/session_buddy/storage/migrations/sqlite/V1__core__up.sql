-- V1: the immutable event log and what is counted from it.
--
-- Time is UTC text, 'YYYY-MM-DDTHH:MM:SS.mmmZ': text order is time order.
-- Durations are whole milliseconds, so that sums are exact in any order.
-- Rates are fractions 0-1 of the invocations that completed or failed; abandoned
-- ones and those still running say nothing about a skill.

-- Enumerations are checked with OR: for IN, SQLite builds a table of the values at every insert.
CREATE TABLE skill_invocation (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL DEFAULT (lower(hex(randomblob(16)))) UNIQUE CHECK (event_id <> ''),
    session_id TEXT NOT NULL CHECK (session_id <> ''),
    user_id TEXT NOT NULL DEFAULT 'local' CHECK (user_id <> ''),
    skill_name TEXT NOT NULL CHECK (trim(skill_name) <> ''),
    kind TEXT NOT NULL DEFAULT 'skill' CHECK (kind = 'skill' OR kind = 'command' OR kind = 'mcp'
        OR kind = 'subagent' OR kind = 'shell' OR kind = 'tool'),
    plugin TEXT,
    -- The shape is checked here, the calendar in the triggers, which bulk writers that
    -- checked it themselves are spared: it costs as much as a third of an insert.
    invoked_at TEXT NOT NULL CHECK (invoked_at GLOB
        '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]Z'),
    outcome TEXT CHECK (outcome = 'completed' OR outcome = 'failed' OR outcome = 'abandoned'),
    error_type TEXT CHECK (error_type IS NULL OR outcome IS 'failed'),
    duration_ms INTEGER CHECK (duration_ms >= 0),
    duration_source TEXT CHECK (duration_source = 'elapsed' OR duration_source = 'span' OR duration_source = 'reported'),
    triggered_by TEXT NOT NULL DEFAULT 'model'
        CHECK (triggered_by = 'user' OR triggered_by = 'model' OR triggered_by = 'nested'),
    parent_event_id TEXT,
    project TEXT,
    agent_version TEXT,
    model TEXT,
    source TEXT NOT NULL DEFAULT 'sql' CHECK (source <> ''),
    alternatives_considered TEXT CHECK (CASE
        WHEN json_valid(alternatives_considered) THEN json_type(alternatives_considered) = 'array' ELSE alternatives_considered IS NULL END),
    follow_up_actions TEXT CHECK (CASE
        WHEN json_valid(follow_up_actions) THEN json_type(follow_up_actions) = 'array' ELSE follow_up_actions IS NULL END),
    traits TEXT CHECK (CASE WHEN json_valid(traits) THEN json_type(traits) = 'array' ELSE traits IS NULL END),
    rating REAL CHECK (rating BETWEEN 1 AND 5),
    -- 1: the writer has counted this row in the roll-ups itself, set-wise, in the same
    -- transaction, and the insert triggers stay silent. Leave it out in plain SQL.
    rolled_up INTEGER NOT NULL DEFAULT 0 CHECK (rolled_up = 0 OR rolled_up = 1),
    completed INTEGER GENERATED ALWAYS AS (outcome = 'completed') VIRTUAL,
    duration_seconds REAL GENERATED ALWAYS AS (duration_ms / 1000.0) VIRTUAL
) STRICT;

CREATE TRIGGER trg_invocation_time BEFORE UPDATE OF invoked_at ON skill_invocation
WHEN strftime('%Y-%m-%dT%H:%M:%fZ', NEW.invoked_at, '+0 days') IS NOT NEW.invoked_at
BEGIN
    SELECT raise(ABORT, 'invoked_at is no time in UTC: write it as 2026-01-31T09:30:00.000Z');
END;

CREATE INDEX idx_invocation_skill_time ON skill_invocation (skill_name, invoked_at);
CREATE INDEX idx_invocation_session_skill_time ON skill_invocation (session_id, skill_name, invoked_at);

-- One row a skill: its whole life.
CREATE TABLE skill_metrics (
    skill_name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    plugin TEXT,
    invocation_count INTEGER NOT NULL DEFAULT 0 CHECK (invocation_count >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count >= 0),
    failed_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_count >= 0),
    abandoned_count INTEGER NOT NULL DEFAULT 0 CHECK (abandoned_count >= 0),
    duration_ms_sum INTEGER NOT NULL DEFAULT 0 CHECK (duration_ms_sum >= 0),
    duration_count INTEGER NOT NULL DEFAULT 0 CHECK (duration_count >= 0),
    session_count INTEGER NOT NULL DEFAULT 0 CHECK (session_count >= 0),
    first_invoked_at TEXT NOT NULL,
    last_invoked_at TEXT NOT NULL,
    completion_rate REAL GENERATED ALWAYS AS
        (CASE WHEN completed_count + failed_count > 0
              THEN 1.0 * completed_count / (completed_count + failed_count) END) VIRTUAL,
    avg_duration_seconds REAL GENERATED ALWAYS AS
        (CASE WHEN duration_count > 0 THEN duration_ms_sum / 1000.0 / duration_count END) VIRTUAL,
    CHECK (first_invoked_at <= last_invoked_at)
) STRICT, WITHOUT ROWID;

-- One row a session and skill.
CREATE TABLE session_skills (
    session_id TEXT NOT NULL,
    skill_name TEXT NOT NULL,
    user_id TEXT NOT NULL,
    invocation_count INTEGER NOT NULL DEFAULT 0 CHECK (invocation_count >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count >= 0),
    failed_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_count >= 0),
    abandoned_count INTEGER NOT NULL DEFAULT 0 CHECK (abandoned_count >= 0),
    duration_ms_sum INTEGER NOT NULL DEFAULT 0 CHECK (duration_ms_sum >= 0),
    duration_count INTEGER NOT NULL DEFAULT 0 CHECK (duration_count >= 0),
    first_invoked_at TEXT NOT NULL,
    last_invoked_at TEXT NOT NULL,
    rating REAL,                    -- the latest rating given to the skill in this session
    alternatives_considered TEXT,   -- at the latest invocation that had any
    PRIMARY KEY (session_id, skill_name),
    CHECK (first_invoked_at <= last_invoked_at)
) STRICT, WITHOUT ROWID;

-- One row a session.
CREATE TABLE session_summary (
    session_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL,
    source TEXT NOT NULL,
    project TEXT,
    invocation_count INTEGER NOT NULL DEFAULT 0 CHECK (invocation_count >= 0),
    completed_count INTEGER NOT NULL DEFAULT 0 CHECK (completed_count >= 0),
    failed_count INTEGER NOT NULL DEFAULT 0 CHECK (failed_count >= 0),
    abandoned_count INTEGER NOT NULL DEFAULT 0 CHECK (abandoned_count >= 0),
    first_invoked_at TEXT NOT NULL,
    last_invoked_at TEXT NOT NULL,
    CHECK (first_invoked_at <= last_invoked_at)
) STRICT, WITHOUT ROWID;

-- By start, which stays; an index on the end would be rewritten at every invocation.
CREATE INDEX idx_session_summary_first ON session_summary (first_invoked_at);

-- Failures by type, whatever text the type is.
CREATE TABLE skill_error_counts (
    skill_name TEXT NOT NULL,
    error_type TEXT NOT NULL,
    failure_count INTEGER NOT NULL DEFAULT 0 CHECK (failure_count >= 0),
    PRIMARY KEY (skill_name, error_type)
) STRICT, WITHOUT ROWID;

-- What was invoked next; every action of a list is counted.
CREATE TABLE skill_follow_up_counts (
    skill_name TEXT NOT NULL,
    follow_up TEXT NOT NULL,
    follow_up_count INTEGER NOT NULL DEFAULT 0 CHECK (follow_up_count >= 0),
    PRIMARY KEY (skill_name, follow_up)
) STRICT, WITHOUT ROWID;

-- What was seen of a skill's invocations; one counts once for a trait, however often it is in its list.
CREATE TABLE skill_trait_counts (
    skill_name TEXT NOT NULL,
    trait TEXT NOT NULL,
    invocation_count INTEGER NOT NULL DEFAULT 0 CHECK (invocation_count >= 0),
    PRIMARY KEY (skill_name, trait)
) STRICT, WITHOUT ROWID;

-- Named counts that would otherwise need a scan. 'sessions': the number of sessions.
CREATE TABLE store_counts (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT, WITHOUT ROWID;

INSERT INTO store_counts (name, value) VALUES ('sessions', 0);

-- What people may set. community_min_users: no community figure is shown below this many users.
CREATE TABLE store_settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How far each file has been read, and what the reader must remember to go on.
CREATE TABLE import_checkpoint (
    path TEXT PRIMARY KEY,
    importer TEXT NOT NULL,
    identity TEXT NOT NULL,         -- device, inode and digest of the first bytes
    size INTEGER NOT NULL CHECK (size >= 0),
    modified_ns INTEGER NOT NULL,
    offset INTEGER NOT NULL CHECK (offset >= 0),
    state BLOB NOT NULL,
    imported_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Input that could not be understood: where it is and why. The file still has the content.
CREATE TABLE import_quarantine (
    path TEXT NOT NULL,
    offset INTEGER NOT NULL CHECK (offset >= 0),
    line INTEGER NOT NULL CHECK (line >= 1),
    length INTEGER NOT NULL CHECK (length >= 0),
    reason TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    PRIMARY KEY (path, offset, reason)
) STRICT, WITHOUT ROWID;

-- The one door through which single rows reach the roll-ups: every trigger below turns
-- its row into a signed change (+1 a row came, -1 a row went).
CREATE VIEW invocation_change AS
SELECT 0 AS sign, id, session_id, user_id, skill_name, kind, plugin, invoked_at, outcome, error_type,
       duration_ms, project, source, follow_up_actions, traits, rating, alternatives_considered
FROM skill_invocation WHERE 0;

CREATE TRIGGER trg_invocation_change INSTEAD OF INSERT ON invocation_change
BEGIN
    INSERT INTO skill_metrics (skill_name, kind, plugin, invocation_count, completed_count, failed_count,
        abandoned_count, duration_ms_sum, duration_count, first_invoked_at, last_invoked_at)
    SELECT NEW.skill_name, NEW.kind, NEW.plugin, 1, NEW.outcome IS 'completed', NEW.outcome IS 'failed',
        NEW.outcome IS 'abandoned', ifnull(NEW.duration_ms, 0), NEW.duration_ms IS NOT NULL,
        NEW.invoked_at, NEW.invoked_at
    WHERE NEW.sign > 0
    ON CONFLICT (skill_name) DO UPDATE SET
        plugin = ifnull(plugin, excluded.plugin),
        invocation_count = invocation_count + 1,
        completed_count = completed_count + excluded.completed_count,
        failed_count = failed_count + excluded.failed_count,
        abandoned_count = abandoned_count + excluded.abandoned_count,
        duration_ms_sum = duration_ms_sum + excluded.duration_ms_sum,
        duration_count = duration_count + excluded.duration_count,
        first_invoked_at = min(first_invoked_at, excluded.first_invoked_at),
        last_invoked_at = max(last_invoked_at, excluded.last_invoked_at);

    INSERT INTO session_summary (session_id, user_id, source, project, invocation_count, completed_count,
        failed_count, abandoned_count, first_invoked_at, last_invoked_at)
    SELECT NEW.session_id, NEW.user_id, NEW.source, NEW.project, 1, NEW.outcome IS 'completed',
        NEW.outcome IS 'failed', NEW.outcome IS 'abandoned', NEW.invoked_at, NEW.invoked_at
    WHERE NEW.sign > 0
    ON CONFLICT (session_id) DO UPDATE SET
        project = ifnull(project, excluded.project),
        invocation_count = invocation_count + 1,
        completed_count = completed_count + excluded.completed_count,
        failed_count = failed_count + excluded.failed_count,
        abandoned_count = abandoned_count + excluded.abandoned_count,
        first_invoked_at = min(first_invoked_at, excluded.first_invoked_at),
        last_invoked_at = max(last_invoked_at, excluded.last_invoked_at);

    INSERT INTO session_skills (session_id, skill_name, user_id, invocation_count, completed_count,
        failed_count, abandoned_count, duration_ms_sum, duration_count, first_invoked_at, last_invoked_at)
    SELECT NEW.session_id, NEW.skill_name, NEW.user_id, 1, NEW.outcome IS 'completed', NEW.outcome IS 'failed',
        NEW.outcome IS 'abandoned', ifnull(NEW.duration_ms, 0), NEW.duration_ms IS NOT NULL,
        NEW.invoked_at, NEW.invoked_at
    WHERE NEW.sign > 0
    ON CONFLICT (session_id, skill_name) DO UPDATE SET
        invocation_count = invocation_count + 1,
        completed_count = completed_count + excluded.completed_count,
        failed_count = failed_count + excluded.failed_count,
        abandoned_count = abandoned_count + excluded.abandoned_count,
        duration_ms_sum = duration_ms_sum + excluded.duration_ms_sum,
        duration_count = duration_count + excluded.duration_count,
        first_invoked_at = min(first_invoked_at, excluded.first_invoked_at),
        last_invoked_at = max(last_invoked_at, excluded.last_invoked_at);

    -- A row that went: the first and last times are looked up in what is left. Where nothing
    -- is left, the times stay as they were for the moment and the row is deleted below.
    UPDATE skill_metrics SET
        invocation_count = invocation_count - 1,
        completed_count = completed_count - (NEW.outcome IS 'completed'),
        failed_count = failed_count - (NEW.outcome IS 'failed'),
        abandoned_count = abandoned_count - (NEW.outcome IS 'abandoned'),
        duration_ms_sum = duration_ms_sum - ifnull(NEW.duration_ms, 0),
        duration_count = duration_count - (NEW.duration_ms IS NOT NULL),
        first_invoked_at = ifnull((SELECT min(i.invoked_at) FROM skill_invocation i
            WHERE i.skill_name = NEW.skill_name), first_invoked_at),
        last_invoked_at = ifnull((SELECT max(i.invoked_at) FROM skill_invocation i
            WHERE i.skill_name = NEW.skill_name), last_invoked_at)
    WHERE NEW.sign < 0 AND skill_name = NEW.skill_name;

    UPDATE session_skills SET
        invocation_count = invocation_count - 1,
        completed_count = completed_count - (NEW.outcome IS 'completed'),
        failed_count = failed_count - (NEW.outcome IS 'failed'),
        abandoned_count = abandoned_count - (NEW.outcome IS 'abandoned'),
        duration_ms_sum = duration_ms_sum - ifnull(NEW.duration_ms, 0),
        duration_count = duration_count - (NEW.duration_ms IS NOT NULL),
        first_invoked_at = ifnull((SELECT min(i.invoked_at) FROM skill_invocation i
            WHERE i.session_id = NEW.session_id AND i.skill_name = NEW.skill_name), first_invoked_at),
        last_invoked_at = ifnull((SELECT max(i.invoked_at) FROM skill_invocation i
            WHERE i.session_id = NEW.session_id AND i.skill_name = NEW.skill_name), last_invoked_at)
    WHERE NEW.sign < 0 AND session_id = NEW.session_id AND skill_name = NEW.skill_name;
    DELETE FROM session_skills
    WHERE NEW.sign < 0 AND session_id = NEW.session_id AND skill_name = NEW.skill_name AND invocation_count = 0;

    UPDATE session_summary SET
        invocation_count = invocation_count - 1,
        completed_count = completed_count - (NEW.outcome IS 'completed'),
        failed_count = failed_count - (NEW.outcome IS 'failed'),
        abandoned_count = abandoned_count - (NEW.outcome IS 'abandoned'),
        first_invoked_at = ifnull((SELECT min(s.first_invoked_at) FROM session_skills s
            WHERE s.session_id = NEW.session_id), first_invoked_at),
        last_invoked_at = ifnull((SELECT max(s.last_invoked_at) FROM session_skills s
            WHERE s.session_id = NEW.session_id), last_invoked_at)
    WHERE NEW.sign < 0 AND session_id = NEW.session_id;
    DELETE FROM session_summary
    WHERE NEW.sign < 0 AND session_id = NEW.session_id AND invocation_count = 0;
    DELETE FROM skill_metrics
    WHERE NEW.sign < 0 AND skill_name = NEW.skill_name AND invocation_count = 0;

    UPDATE session_skills SET
        rating = (SELECT i.rating FROM skill_invocation i
            WHERE i.session_id = NEW.session_id AND i.skill_name = NEW.skill_name AND i.rating IS NOT NULL
            ORDER BY i.invoked_at DESC, i.id DESC LIMIT 1),
        alternatives_considered = (SELECT i.alternatives_considered FROM skill_invocation i
            WHERE i.session_id = NEW.session_id AND i.skill_name = NEW.skill_name
                AND i.alternatives_considered IS NOT NULL
            ORDER BY i.invoked_at DESC, i.id DESC LIMIT 1)
    WHERE (NEW.rating IS NOT NULL OR NEW.alternatives_considered IS NOT NULL)
        AND session_id = NEW.session_id AND skill_name = NEW.skill_name;

    INSERT INTO skill_error_counts (skill_name, error_type, failure_count)
    SELECT NEW.skill_name, ifnull(NEW.error_type, 'other'), 1 WHERE NEW.outcome IS 'failed' AND NEW.sign > 0
    ON CONFLICT (skill_name, error_type) DO UPDATE SET failure_count = failure_count + 1;
    UPDATE skill_error_counts SET failure_count = failure_count - 1
    WHERE NEW.outcome IS 'failed' AND NEW.sign < 0
        AND skill_name = NEW.skill_name AND error_type = ifnull(NEW.error_type, 'other');
    DELETE FROM skill_error_counts WHERE NEW.outcome IS 'failed' AND NEW.sign < 0
        AND skill_name = NEW.skill_name AND failure_count = 0;

    INSERT INTO skill_follow_up_counts (skill_name, follow_up, follow_up_count)
    SELECT NEW.skill_name, CAST(j.value AS TEXT), count(*)
    FROM json_each(ifnull(NEW.follow_up_actions, '[]')) j
    WHERE NEW.sign > 0 AND j.value IS NOT NULL GROUP BY CAST(j.value AS TEXT)
    ON CONFLICT (skill_name, follow_up) DO UPDATE SET follow_up_count = follow_up_count + excluded.follow_up_count;
    UPDATE skill_follow_up_counts SET follow_up_count = follow_up_count
        - (SELECT count(*) FROM json_each(NEW.follow_up_actions) j WHERE CAST(j.value AS TEXT) = follow_up)
    WHERE NEW.sign < 0 AND NEW.follow_up_actions IS NOT NULL AND skill_name = NEW.skill_name
        AND follow_up IN (SELECT CAST(j.value AS TEXT) FROM json_each(NEW.follow_up_actions) j);
    DELETE FROM skill_follow_up_counts WHERE NEW.sign < 0 AND NEW.follow_up_actions IS NOT NULL
        AND skill_name = NEW.skill_name AND follow_up_count = 0;

    INSERT INTO skill_trait_counts (skill_name, trait, invocation_count)
    SELECT DISTINCT NEW.skill_name, CAST(j.value AS TEXT), 1 FROM json_each(ifnull(NEW.traits, '[]')) j
    WHERE NEW.sign > 0 AND j.value IS NOT NULL
    ON CONFLICT (skill_name, trait) DO UPDATE SET invocation_count = invocation_count + 1;
    UPDATE skill_trait_counts SET invocation_count = invocation_count - 1
    WHERE NEW.sign < 0 AND NEW.traits IS NOT NULL AND skill_name = NEW.skill_name
        AND trait IN (SELECT CAST(j.value AS TEXT) FROM json_each(NEW.traits) j);
    DELETE FROM skill_trait_counts WHERE NEW.sign < 0 AND NEW.traits IS NOT NULL
        AND skill_name = NEW.skill_name AND invocation_count = 0;
END;

CREATE TRIGGER trg_invocation_after_insert AFTER INSERT ON skill_invocation WHEN NEW.rolled_up = 0
BEGIN
    SELECT raise(ABORT, 'invoked_at is no time in UTC: write it as 2026-01-31T09:30:00.000Z')
    WHERE strftime('%Y-%m-%dT%H:%M:%fZ', NEW.invoked_at, '+0 days') IS NOT NEW.invoked_at;
    INSERT INTO invocation_change VALUES (+1, NEW.id, NEW.session_id, NEW.user_id, NEW.skill_name, NEW.kind,
        NEW.plugin, NEW.invoked_at, NEW.outcome, NEW.error_type, NEW.duration_ms, NEW.project, NEW.source,
        NEW.follow_up_actions, NEW.traits, NEW.rating, NEW.alternatives_considered);
END;

CREATE TRIGGER trg_invocation_after_delete AFTER DELETE ON skill_invocation
BEGIN
    INSERT INTO invocation_change VALUES (-1, OLD.id, OLD.session_id, OLD.user_id, OLD.skill_name, OLD.kind,
        OLD.plugin, OLD.invoked_at, OLD.outcome, OLD.error_type, OLD.duration_ms, OLD.project, OLD.source,
        OLD.follow_up_actions, OLD.traits, OLD.rating, OLD.alternatives_considered);
END;

-- The new state is added before the old one is taken away, so that no roll-up passes
-- through zero and is deleted on the way.
CREATE TRIGGER trg_invocation_after_update AFTER UPDATE OF session_id, user_id, skill_name, kind, plugin, invoked_at,
    outcome, error_type, duration_ms, project, source, follow_up_actions, traits, rating, alternatives_considered
    ON skill_invocation
BEGIN
    INSERT INTO invocation_change VALUES (+1, NEW.id, NEW.session_id, NEW.user_id, NEW.skill_name, NEW.kind,
        NEW.plugin, NEW.invoked_at, NEW.outcome, NEW.error_type, NEW.duration_ms, NEW.project, NEW.source,
        NEW.follow_up_actions, NEW.traits, NEW.rating, NEW.alternatives_considered);
    INSERT INTO invocation_change VALUES (-1, OLD.id, OLD.session_id, OLD.user_id, OLD.skill_name, OLD.kind,
        OLD.plugin, OLD.invoked_at, OLD.outcome, OLD.error_type, OLD.duration_ms, OLD.project, OLD.source,
        OLD.follow_up_actions, OLD.traits, OLD.rating, OLD.alternatives_considered);
    -- What describes a group comes from its first row, until a row of it is told otherwise.
    UPDATE skill_metrics SET kind = NEW.kind WHERE NEW.kind <> OLD.kind AND skill_name = NEW.skill_name;
    UPDATE skill_metrics SET plugin = NEW.plugin
    WHERE NEW.plugin IS NOT OLD.plugin AND NEW.plugin IS NOT NULL AND skill_name = NEW.skill_name;
    UPDATE session_summary SET project = ifnull(NEW.project, project), source = NEW.source
    WHERE (NEW.project IS NOT OLD.project OR NEW.source <> OLD.source) AND session_id = NEW.session_id;
    -- A session belongs to one user: who changes it in one row changes it in the session.
    UPDATE session_summary SET user_id = NEW.user_id
    WHERE NEW.user_id <> OLD.user_id AND session_id = NEW.session_id;
    UPDATE session_skills SET user_id = NEW.user_id
    WHERE NEW.user_id <> OLD.user_id AND session_id = NEW.session_id;
END;

CREATE TRIGGER trg_session_skills_after_insert AFTER INSERT ON session_skills
BEGIN
    UPDATE skill_metrics SET session_count = session_count + 1 WHERE skill_name = NEW.skill_name;
END;

CREATE TRIGGER trg_session_skills_after_delete AFTER DELETE ON session_skills
BEGIN
    UPDATE skill_metrics SET session_count = session_count - 1 WHERE skill_name = OLD.skill_name;
END;

CREATE TRIGGER trg_session_summary_after_insert AFTER INSERT ON session_summary
BEGIN
    UPDATE store_counts SET value = value + 1 WHERE name = 'sessions';
END;

CREATE TRIGGER trg_session_summary_after_delete AFTER DELETE ON session_summary
BEGIN
    UPDATE store_counts SET value = value - 1 WHERE name = 'sessions';
END;
