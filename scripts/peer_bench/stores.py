"""One small class per store that others keep memories in: how to open it, add to it, read from it.

A store is opened by each process that writes to it. A row is a memory of dialog-100k with its
vector; every store keeps its text, vector, user, agent and run. A library is imported only where
its store is opened, in a process of its own (see adding.py).
"""
import os
import threading
import time
import uuid


class Store:
    package = None  # on PyPI
    needs = ()  # further packages

    def __init__(self, folder):
        self.folder = folder

    def open(self, dimension):
        """Makes it where there is none."""
        raise NotImplementedError

    def adder(self):
        """What one thread adds through: a function from a row to the id that it has got."""
        raise NotImplementedError

    def load(self, rows):
        """The first memories of a store."""
        add = self.adder()
        for row in rows:
            add(row)

    def text(self, id):
        """None where there is no such memory."""
        raise NotImplementedError

    def close(self):
        raise NotImplementedError


class PlainSQLite(Store):
    """What is done by hand: a table of memories, a table of their history, FTS5 and sqlite-vec, all
    in one transaction per add, which is synced. Each writer has a connection of its own."""

    package = "apsw"
    needs = ("sqlite-vec",)
    vectors = "vector float[{dimension}]"

    def open(self, dimension):
        self.main = self._connection()
        self.main.execute(f"""
            create table if not exists memory(
                rowid integer primary key, id text not null unique, text text not null,
                user_id text, agent_id text, run_id text, role text, created_at text);
            create table if not exists history(
                sequence integer primary key, memory text not null, event text not null,
                old text, new text, changed_at real not null);
            create virtual table if not exists words using fts5(
                text, content='memory', content_rowid='rowid');
            create virtual table if not exists vectors using vec0(
                {self.vectors.format(dimension=dimension)});""")

    def _connection(self):
        import apsw
        import sqlite_vec

        connection = apsw.Connection(os.path.join(self.folder, "memories.sqlite"))
        connection.set_busy_timeout(60_000)
        connection.enable_load_extension(True)
        connection.load_extension(sqlite_vec.loadable_path())
        for pragma in ("journal_mode=wal", "synchronous=full"):
            connection.execute(f"pragma {pragma}").fetchall()
        return connection

    def adder(self):
        connection = self._connection()

        def add(row):
            connection.execute("begin immediate")
            try:
                id = self._insert(connection, row)
                connection.execute("commit")
                return id
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise

        return add

    def load(self, rows):
        with self.main:
            for row in rows:
                self._insert(self.main, row)

    def _insert(self, connection, row):
        id = str(uuid.uuid4())
        connection.execute(
            "insert into memory(id, text, user_id, agent_id, run_id, role, created_at)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (id, row["memory"], row["user_id"], row["agent_id"], row["run_id"], row["role"],
             row["created_at"]))
        number = connection.last_insert_rowid()
        connection.execute("insert into words(rowid, text) values (?, ?)", (number, row["memory"]))
        self._insert_vector(connection, number, row)
        connection.execute(
            "insert into history(memory, event, new, changed_at) values (?, 'ADD', ?, ?)",
            (id, row["memory"], time.time()))
        return id

    def _insert_vector(self, connection, number, row):
        connection.execute("insert into vectors(rowid, vector) values (?, ?)",
                           (number, row["vector"].tobytes()))

    def text(self, id):
        found = self.main.execute(
            "select m.text from memory m join vectors v on v.rowid = m.rowid where m.id = ?", (id,))
        return next((text for text, in found), None)

    def close(self):
        self.main.close()


class PlainSQLiteByUser(PlainSQLite):
    """With vectors in partitions of a user's, as searches of one user want them; chunks of 64 in
    place of 1,024, which a user of few memories would leave empty."""

    vectors = "user_id text partition key, vector float[{dimension}], chunk_size=64"

    def _insert_vector(self, connection, number, row):
        connection.execute("insert into vectors(rowid, user_id, vector) values (?, ?, ?)",
                           (number, row["user_id"], row["vector"].tobytes()))


class Mem0(Store):
    """With its default store, Qdrant in a folder, and its default history. Vectors are looked up,
    and no language model is asked."""

    package = "mem0ai"
    needs = ("qdrant-client",)

    def open(self, dimension):
        os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=f"{self.folder}/mem0",
                          OPENAI_API_KEY="none")
        from mem0 import Memory

        self.memory = Memory.from_config({
            "vector_store": {"provider": "qdrant", "config": {
                "path": f"{self.folder}/qdrant", "embedding_model_dims": dimension}},
            "history_db_path": f"{self.folder}/history.db"})
        self.memory.embedding_model = self
        self.adding = threading.local()

    def embed(self, text, action=None):
        return self.adding.vector

    def adder(self):
        def add(row):
            self.adding.vector = row["vector"].tolist()
            added = self.memory.add(
                [{"role": row["role"], "content": row["memory"]}], user_id=row["user_id"],
                agent_id=row["agent_id"], run_id=row["run_id"], infer=False)
            return added["results"][0]["id"]

        return add

    def text(self, id):
        found = self.memory.get(id)
        return found and found["memory"]

    def close(self):
        self.memory.vector_store.client.close()
        self.memory.close()


class Chroma(Store):
    package = "chromadb"

    def open(self, dimension):
        import chromadb

        client = chromadb.PersistentClient(
            self.folder, chromadb.Settings(anonymized_telemetry=False))
        self.collection = client.get_or_create_collection(
            "memories", embedding_function=None, metadata={"hnsw:space": "cosine"})

    def adder(self):
        def add(row):
            id = str(uuid.uuid4())
            self._add([id], [row])
            return id

        return add

    def load(self, rows):
        for begin in range(0, len(rows), 1_000):
            some = rows[begin:begin + 1_000]
            self._add([str(uuid.uuid4()) for _ in some], some)

    def _add(self, ids, rows):
        keys = ("user_id", "agent_id", "run_id", "role", "created_at")
        self.collection.add(
            ids, embeddings=[row["vector"] for row in rows],
            documents=[row["memory"] for row in rows],
            metadatas=[{key: row[key] for key in keys} for row in rows])

    def text(self, id):
        return next(iter(self.collection.get(id, include=["documents"])["documents"]), None)

    def close(self):
        pass


ALL = {kind.__name__: kind for kind in (PlainSQLite, PlainSQLiteByUser, Mem0, Chroma)}
