-- V2: what skills say of themselves, and embeddings of text, once per distinct text.

CREATE TABLE text_embedding (
    text_hash TEXT NOT NULL CHECK (length(text_hash) = 64),    -- SHA-256 of the text, hexadecimal
    model TEXT NOT NULL CHECK (model <> ''),
    embedding BLOB NOT NULL CHECK (length(embedding) = 1536),  -- 384 little-endian float32
    created_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '+0 days') IS created_at),
    PRIMARY KEY (text_hash, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE skill_description (
    skill_name TEXT PRIMARY KEY CHECK (trim(skill_name) <> ''),
    description TEXT NOT NULL,
    text_hash TEXT NOT NULL CHECK (length(text_hash) = 64),
    updated_at TEXT NOT NULL CHECK (strftime('%Y-%m-%dT%H:%M:%fZ', updated_at, '+0 days') IS updated_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_skill_description_text ON skill_description (text_hash);
