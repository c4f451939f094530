#include "engram_sqlite.h"

int engram_sqlite_configure(sqlite3 *database) {
  static const struct {
    int option, value;
  } settings[] = {
    {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
    {SQLITE_DBCONFIG_DEFENSIVE, 1},
    {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
  };
  for (unsigned i = 0; i < sizeof settings / sizeof *settings; i++) {
    int result = sqlite3_db_config(database, settings[i].option, settings[i].value, (int *)0);
    if (result != SQLITE_OK) return result;
  }
  // Making the log anew would cost a directory sync at each opening.
  int keep = 1;
  return sqlite3_file_control(database, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}
