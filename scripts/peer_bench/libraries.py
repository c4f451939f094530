"""One small class per library: how to build its index and how to search it.

Every graph has 32 links on its lowest level (M 16 where a library counts them that way; SVS also
with 64) and is built with a list of 200, by inner product; Engram is built with its own default,
and the report says both. A library is imported only when it builds, in a process of its own (see
worker.py).
"""
import os
import tempfile

import numpy as np

from .data import K

M, DEGREE, BUILD_WIDTH = 16, 32, 200


class Library:
    package = None  # on PyPI
    exact = False  # scans all rows: has no width to set
    built_each_round = False  # where no two graphs are the same; widths are looked for again
    queries_max = None  # fewer than all, where one takes long
    passes = 3

    def __init__(self, name):
        self.name = name

    def build(self, base, threads):
        raise NotImplementedError

    def set_width(self, width):
        raise NotImplementedError

    def set_threads(self, threads):
        """How many `search` may use from now on."""

    def search(self, queries):
        """The rows found for a matrix of queries, in one call."""
        raise NotImplementedError

    def search_one(self, query):
        self.search(query[None])


class Hnswlib(Library):
    package = "hnswlib"
    built_each_round = True

    def build(self, base, threads):
        import hnswlib

        self.index = hnswlib.Index("ip", base.shape[1])
        self.index.init_index(len(base), M=M, ef_construction=BUILD_WIDTH, random_seed=1)
        self.index.add_items(base, num_threads=threads)

    def set_width(self, width):
        self.index.set_ef(width)

    def set_threads(self, threads):
        self.index.set_num_threads(threads)

    def search(self, queries):
        return self.index.knn_query(queries, K)[0]

    def search_one(self, query):
        self.index.knn_query(query, K)


class Faiss(Library):
    """HNSW on float32, or on codes ("QT_fp16", "QT_8bit") whose best are scored again."""

    package = "faiss-cpu"

    def __init__(self, name, codes=None, refined=None):
        super().__init__(name)
        self.codes, self.refined = codes, refined

    def build(self, base, threads):
        import faiss

        self.omp_set_num_threads = faiss.omp_set_num_threads
        self.omp_set_num_threads(threads)
        metric = faiss.METRIC_INNER_PRODUCT
        if self.codes:
            kind = getattr(faiss.ScalarQuantizer, self.codes)
            self.graph = faiss.IndexHNSWSQ(base.shape[1], kind, M, metric)
        else:
            self.graph = faiss.IndexHNSWFlat(base.shape[1], M, metric)
        self.graph.hnsw.efConstruction = BUILD_WIDTH
        self.index = self.graph
        if self.refined:
            self.index = faiss.IndexRefineFlat(self.graph)
            self.index.k_factor = self.refined
        self.index.train(base)
        self.index.add(base)

    def set_width(self, width):
        self.graph.hnsw.efSearch = width

    def set_threads(self, threads):
        self.omp_set_num_threads(threads)

    def search(self, queries):
        return self.index.search(queries, K)[1]


class USearch(Library):
    package = "usearch"

    def __init__(self, name, kind):
        super().__init__(name)
        self.kind = kind

    def build(self, base, threads):
        from usearch.index import Index

        self.index = Index(ndim=base.shape[1], metric="ip", dtype=self.kind, connectivity=M,
                           expansion_add=BUILD_WIDTH)
        self.index.add(np.arange(len(base)), base, threads=threads)

    def set_width(self, width):
        self.index.expansion_search = width

    def set_threads(self, threads):
        self.threads = threads

    def search(self, queries):
        return self.index.search(queries, K, threads=self.threads).keys

    def search_one(self, query):
        self.index.search(query, K, threads=1)


class Voyager(Library):
    package = "voyager"

    def build(self, base, threads):
        import voyager

        self.index = voyager.Index(voyager.Space.InnerProduct, base.shape[1], M=M,
                                   ef_construction=BUILD_WIDTH)
        self.index.add_items(base, num_threads=threads)

    def set_width(self, width):
        self.index.ef = width

    def set_threads(self, threads):
        self.threads = threads

    def search(self, queries):
        return self.index.query(queries, K, num_threads=self.threads)[0]

    def search_one(self, query):
        self.index.query(query, K)


class SVS(Library):
    """Vamana on "float32" or "float16", or on LVQ codes given as (bits, bits of the residual)."""

    package = "scalable-vs"

    def __init__(self, name, degree, kind):
        super().__init__(name)
        self.degree, self.kind = degree, kind

    def build(self, base, threads):
        import svs

        # Alpha is below 1 for inner products: 0.95 is what 1.2 is for distances.
        parameters = svs.VamanaBuildParameters(
            graph_max_degree=self.degree, window_size=BUILD_WIDTH, alpha=0.95)
        with tempfile.TemporaryDirectory() as folder:
            self.index = svs.Vamana.build(
                parameters, self._stored(svs, base, folder), svs.DistanceType.MIP,
                num_threads=threads)

    def _stored(self, svs, base, folder):
        if isinstance(self.kind, str):
            return base.astype(self.kind)
        file = os.path.join(folder, "base.fvecs")
        svs.write_vecs(base, file)
        loader = svs.VectorDataLoader(file, svs.DataType.float32)
        return svs.LVQLoader(loader, primary=self.kind[0], residual=self.kind[1])

    def set_width(self, width):
        self.index.search_window_size = width

    def set_threads(self, threads):
        self.index.num_threads = threads

    def search(self, queries):
        return self.index.search(queries, K)[0]


class SQLiteVec(Library):
    """The exact scan of rows in a table, in memory. Lengths are 1, so its L2 orders as the inner
    product does, but for the rounding of the lengths."""

    package = "sqlite-vec"
    exact = True
    queries_max = 10
    passes = 1

    def build(self, base, threads):
        import apsw
        import sqlite_vec

        self.database = apsw.Connection(":memory:")
        self.database.enable_load_extension(True)
        self.database.load_extension(sqlite_vec.loadable_path())
        self.database.execute(
            f"create virtual table rows using vec0(vector float[{base.shape[1]}])")
        with self.database:
            self.database.executemany(
                "insert into rows(rowid, vector) values (?, ?)",
                ((row, vector.tobytes()) for row, vector in enumerate(base)))

    def search(self, queries):
        return np.array([self._rows(query) for query in queries])

    def search_one(self, query):
        self._rows(query)

    def _rows(self, query):
        found = self.database.execute(
            "select rowid from rows where vector match ? and k = ?", (query.tobytes(), K))
        return [row for row, in found]


# Not here, by recall@10 at width 300 on the first 10,000 rows of dialog-100k: USearch's i8 (0.959),
# voyager's Float8 (0.959) and FAISS's 8 bits without the second scoring (0.995).
ALL = [
    Hnswlib("hnswlib"),
    Faiss("FAISS HNSW"),
    Faiss("FAISS HNSW f16", codes="QT_fp16"),
    Faiss("FAISS HNSW 8 bit, refined", codes="QT_8bit", refined=2),
    USearch("USearch f32", "f32"),
    USearch("USearch f16", "f16"),
    USearch("USearch bf16", "bf16"),
    Voyager("voyager"),
    SVS("SVS 32", 32, "float32"),
    SVS("SVS 64", 64, "float32"),
    SVS("SVS 32 f16", 32, "float16"),
    SVS("SVS 64 f16", 64, "float16"),
    SVS("SVS 32 LVQ8", 32, (8, 0)),
    SVS("SVS 32 LVQ4x8", 32, (4, 8)),
    SQLiteVec("sqlite-vec, exact"),
]
