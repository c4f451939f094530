// SQLite's own interface, for what GRDB does not pass on, and the calls that Swift cannot make
// because they are variadic.
#ifndef ENGRAM_SQLITE_H
#define ENGRAM_SQLITE_H

#include <sqlite3.h>

/// Prepares a connection for a store: a close never checkpoints (checkpoints run under the store's
/// writer lock only), the log stays when the last connection closes, and damaged or hostile schemas
/// are refused. Returns an SQLite result code.
int engram_sqlite_configure(sqlite3 *_Nonnull database);

#endif
