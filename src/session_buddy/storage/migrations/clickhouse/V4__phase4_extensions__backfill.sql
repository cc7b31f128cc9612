-- Counts everything V4 keeps again from the event log.

TRUNCATE TABLE roll_minute;
TRUNCATE TABLE roll_hour;
TRUNCATE TABLE roll_duration;
TRUNCATE TABLE roll_hour_session;
TRUNCATE TABLE roll_user_skill;
TRUNCATE TABLE roll_skill_users;
TRUNCATE TABLE roll_pair;

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
