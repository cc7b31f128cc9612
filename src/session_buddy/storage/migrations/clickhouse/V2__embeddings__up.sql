-- V2: what skills say of themselves, and embeddings of text (384 little-endian
-- float32), once per distinct text.
-- Of rows with the same key the last one written counts: read these tables with FINAL.

CREATE TABLE IF NOT EXISTS text_embedding (
    text_hash String,
    model LowCardinality(String),
    embedding String CODEC(NONE),
    created_at String,
    CONSTRAINT hash_is_sha256 CHECK length(text_hash) = 64,
    CONSTRAINT embedding_has_384_floats CHECK length(embedding) = 1536
) ENGINE = ReplacingMergeTree
ORDER BY (text_hash, model)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS skill_description (
    skill_name String,
    description String CODEC(ZSTD(1)),
    text_hash String,
    updated_at String,
    CONSTRAINT hash_is_sha256 CHECK length(text_hash) = 64
) ENGINE = ReplacingMergeTree
ORDER BY skill_name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1;
