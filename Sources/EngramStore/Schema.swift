import GRDB

/// The tables of the catalogue. A migration that has been released is never edited.
enum Schema {
  /// "Engr": says that an SQLite file is a store's catalogue.
  static let applicationID: Int32 = 0x456E_6772
  /// The newest format this code reads; `PRAGMA user_version` of the file.
  static let format = 5

  static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("1") { try $0.execute(sql: version1) }
    migrator.registerMigration("2") { try $0.execute(sql: version2) }
    migrator.registerMigration("3") { try $0.execute(sql: version3) }
    migrator.registerMigration("4") { try $0.execute(sql: version4) }
    migrator.registerMigration("5") { try $0.execute(sql: version5) }
    return migrator
  }

  private static let version1 = """
    PRAGMA user_version = 1;

    CREATE TABLE store (
      key TEXT PRIMARY KEY NOT NULL,
      value ANY NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE vector_space (
      id INTEGER PRIMARY KEY,
      model TEXT NOT NULL,
      dimension INTEGER NOT NULL,
      element TEXT NOT NULL,
      metric TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;

    -- The files that belong to the store; switching one is a transaction.
    CREATE TABLE file (
      name TEXT PRIMARY KEY NOT NULL,
      kind TEXT NOT NULL,
      space INTEGER NOT NULL REFERENCES vector_space(id),
      generation INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- One row per change, in the order of the changes, hash-chained; never updated or deleted.
    CREATE TABLE history (
      sequence INTEGER PRIMARY KEY,
      memory_id BLOB NOT NULL,
      event TEXT NOT NULL,
      changed_at INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      updated_at INTEGER,
      is_deleted INTEGER NOT NULL,
      actor_id TEXT,
      role TEXT,
      payload_digest BLOB NOT NULL,
      previous_hash BLOB NOT NULL,
      hash BLOB NOT NULL
    ) STRICT;
    CREATE INDEX history_memory ON history (memory_id, sequence);

    -- What a change said before and after; apart, so that it can be erased and the chain stays.
    CREATE TABLE history_payload (
      sequence INTEGER PRIMARY KEY REFERENCES history(sequence),
      salt BLOB NOT NULL,
      old_memory TEXT,
      new_memory TEXT,
      checksum INTEGER NOT NULL
    ) STRICT;

    CREATE TRIGGER history_is_final BEFORE UPDATE ON history
    BEGIN SELECT raise(ABORT, 'history is append-only'); END;
    CREATE TRIGGER history_stays BEFORE DELETE ON history
    BEGIN SELECT raise(ABORT, 'history is append-only'); END;
    CREATE TRIGGER history_payload_is_final BEFORE UPDATE ON history_payload
    BEGIN SELECT raise(ABORT, 'history is append-only'); END;
    -- REPLACE would delete without the triggers above.
    CREATE TRIGGER history_is_not_replaced BEFORE INSERT ON history
    WHEN EXISTS (SELECT 1 FROM history WHERE sequence = NEW.sequence)
    BEGIN SELECT raise(ABORT, 'history is append-only'); END;
    CREATE TRIGGER history_payload_is_not_replaced BEFORE INSERT ON history_payload
    WHEN EXISTS (SELECT 1 FROM history_payload WHERE sequence = NEW.sequence)
    BEGIN SELECT raise(ABORT, 'history is append-only'); END;
    -- The one way out: the latest change is the ERASE of that memory.
    CREATE TRIGGER history_payload_stays BEFORE DELETE ON history_payload
    WHEN NOT EXISTS (
      SELECT 1 FROM history AS erased JOIN history AS latest
      ON latest.memory_id = erased.memory_id
      WHERE erased.sequence = OLD.sequence AND latest.event = 'ERASE'
        AND latest.sequence = (SELECT max(sequence) FROM history))
    BEGIN SELECT raise(ABORT, 'history is append-only'); END;

    -- One row per version of a memory, numbered by the change that made it; `ended` is the change
    -- that ended it. The version without an end is the current one.
    CREATE TABLE memory (
      change INTEGER PRIMARY KEY REFERENCES history(sequence),
      ended INTEGER REFERENCES history(sequence),
      id BLOB NOT NULL,
      text TEXT NOT NULL,
      user_id TEXT,
      agent_id TEXT,
      run_id TEXT,
      metadata TEXT NOT NULL,
      categories TEXT NOT NULL,
      role TEXT,
      actor_id TEXT,
      importance REAL,
      created_at INTEGER NOT NULL,
      updated_at INTEGER NOT NULL,
      expires_at INTEGER,
      valid_from INTEGER,
      valid_to INTEGER,
      vector INTEGER NOT NULL REFERENCES history(sequence),
      checksum INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX memory_current ON memory (id) WHERE ended IS NULL;
    CREATE INDEX memory_versions ON memory (id, change) WHERE ended IS NOT NULL;
    CREATE INDEX memory_ended ON memory (ended) WHERE ended IS NOT NULL;
    CREATE INDEX memory_user ON memory (user_id, change)
      WHERE ended IS NULL AND user_id IS NOT NULL;
    CREATE INDEX memory_agent ON memory (agent_id, change)
      WHERE ended IS NULL AND agent_id IS NOT NULL;
    CREATE INDEX memory_run ON memory (run_id, change)
      WHERE ended IS NULL AND run_id IS NOT NULL;
    CREATE INDEX memory_expiry ON memory (expires_at)
      WHERE ended IS NULL AND expires_at IS NOT NULL;

    -- Where the vector of a change lies, in each vector space; versions that keep a vector share it.
    CREATE TABLE vector (
      change INTEGER NOT NULL REFERENCES history(sequence),
      space INTEGER NOT NULL REFERENCES vector_space(id),
      slot INTEGER NOT NULL,
      checksum INTEGER NOT NULL,
      PRIMARY KEY (change, space)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX vector_slot ON vector (space, slot);

    -- Written in the background, without history.
    CREATE TABLE memory_access (
      memory_id BLOB PRIMARY KEY NOT NULL,
      accessed_at INTEGER NOT NULL,
      count INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- Full text of the current versions, written with them: triggers on virtual tables would need
    -- a schema that is trusted.
    CREATE VIEW memory_current_text AS SELECT change, text FROM memory WHERE ended IS NULL;
    CREATE VIRTUAL TABLE memory_text USING fts5(
      text, content='memory_current_text', content_rowid='change',
      tokenize="unicode61 remove_diacritics 2");

    CREATE VIEW mem0_history AS
    SELECT
      lower(substr(hex(hash), 1, 8) || '-' || substr(hex(hash), 9, 4) || '-'
        || substr(hex(hash), 13, 4) || '-' || substr(hex(hash), 17, 4) || '-'
        || substr(hex(hash), 21, 12)) AS id,
      lower(substr(hex(memory_id), 1, 8) || '-' || substr(hex(memory_id), 9, 4) || '-'
        || substr(hex(memory_id), 13, 4) || '-' || substr(hex(memory_id), 17, 4) || '-'
        || substr(hex(memory_id), 21, 12)) AS memory_id,
      old_memory,
      new_memory,
      event,
      strftime('%Y-%m-%dT%H:%M:%S', created_at / 1000000, 'unixepoch')
        || printf('.%06d+00:00', created_at % 1000000) AS created_at,
      strftime('%Y-%m-%dT%H:%M:%S', updated_at / 1000000, 'unixepoch')
        || printf('.%06d+00:00', updated_at % 1000000) AS updated_at,
      is_deleted,
      actor_id,
      role
    FROM history LEFT JOIN history_payload USING (sequence)
    ORDER BY sequence;
    """

  private static let version2 = """
    PRAGMA user_version = 2;

    -- The keys of inserts, each within its scope; '' where that names nobody.
    CREATE TABLE insert_key (
      key TEXT NOT NULL,
      user_id TEXT NOT NULL,
      agent_id TEXT NOT NULL,
      run_id TEXT NOT NULL,
      memory_id BLOB NOT NULL,
      change INTEGER NOT NULL REFERENCES history(sequence),
      PRIMARY KEY (key, user_id, agent_id, run_id)
    ) STRICT, WITHOUT ROWID;
    """

  private static let version3 = """
    PRAGMA user_version = 3;

    -- The slots of groups, as they were written, until they are synced: power loss may leave the rows of
    -- a group and not its slots. Empty after each checkpoint.
    CREATE TABLE unsynced_slots (
      id INTEGER PRIMARY KEY,
      space INTEGER NOT NULL REFERENCES vector_space(id),
      first_slot INTEGER NOT NULL,
      bytes BLOB NOT NULL
    ) STRICT;

    -- The slots of memories that were erased, until a compaction leaves them behind: an index that was made
    -- before has them still.
    CREATE TABLE erased_slot (
      space INTEGER NOT NULL REFERENCES vector_space(id),
      slot INTEGER NOT NULL,
      change INTEGER NOT NULL REFERENCES history(sequence),
      PRIMARY KEY (space, slot)
    ) STRICT, WITHOUT ROWID;

    -- Memories of which compaction has left no version. The history has their texts, and whoever erases
    -- a scope must find them.
    CREATE TABLE cut_memory (
      memory_id BLOB PRIMARY KEY NOT NULL,
      user_id TEXT,
      agent_id TEXT,
      run_id TEXT
    ) STRICT, WITHOUT ROWID;
    """

  private static let version4 = """
    PRAGMA user_version = 4;

    -- Which memory took the place of another, and the change (SUPERSEDE) by which it did.
    CREATE TABLE succession (
      change INTEGER PRIMARY KEY REFERENCES history(sequence),
      memory_id BLOB NOT NULL,
      successor BLOB NOT NULL
    ) STRICT;
    CREATE INDEX succession_memory ON succession (memory_id);
    CREATE INDEX succession_successor ON succession (successor);

    -- What was said in one go, as it was said, and what is still to become of it: `retry_at` is when it
    -- is to be tried (again), NULL where nothing is to be done; `failure` without it is a dead letter.
    CREATE TABLE episode (
      id BLOB PRIMARY KEY NOT NULL,
      user_id TEXT,
      agent_id TEXT,
      run_id TEXT,
      body TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      expires_at INTEGER,
      attempts INTEGER NOT NULL,
      retry_at INTEGER,
      failure TEXT,
      checksum INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX episode_user ON episode (user_id, id) WHERE user_id IS NOT NULL;
    CREATE INDEX episode_agent ON episode (agent_id, id) WHERE agent_id IS NOT NULL;
    CREATE INDEX episode_run ON episode (run_id, id) WHERE run_id IS NOT NULL;
    CREATE INDEX episode_due ON episode (retry_at) WHERE retry_at IS NOT NULL;
    CREATE INDEX episode_dead ON episode (id) WHERE retry_at IS NULL AND failure IS NOT NULL;
    CREATE INDEX episode_expiry ON episode (expires_at) WHERE expires_at IS NOT NULL;

    -- The memories that were made of an episode: erasing one erases what it was made of.
    CREATE TABLE episode_memory (
      memory_id BLOB NOT NULL,
      episode BLOB NOT NULL,
      PRIMARY KEY (memory_id, episode)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX episode_memory_episode ON episode_memory (episode);
    """

  private static let version5 = """
    PRAGMA user_version = 5;

    -- What a space is to the store: 'active', 'making', 'kept', 'leaving' or 'gone', see VectorSpace.
    ALTER TABLE vector_space ADD COLUMN state TEXT NOT NULL DEFAULT 'active';
    """
}

// MARK: - What must be there

extension Schema {
  /// A table, index, trigger or view.
  struct Object: Hashable {
    var kind: String
    var name: String
    var sql: String?

    static func all(_ db: Database) throws -> [Object] {
      try Row.fetchAll(db, sql: "SELECT type, name, sql FROM sqlite_schema ORDER BY rowid").map {
        Object(kind: try $0.value(0), name: try $0.value(1), sql: try $0.value(2))
      }
    }
  }

  /// What a new store has and this one lacks, in the order in which it is made.
  static func missing(_ db: Database) throws -> [Object] {
    let present = Set(try Object.all(db).map(\.name))
    return try expected.get().filter { !present.contains($0.name) }
  }

  private static let expected = Result {
    let new = try DatabaseQueue()
    try migrator.migrate(new)
    return try new.read(Object.all)
  }
}
