import ArgumentParser

/// `engram`: looks after stores from a shell.
@main
struct Engram: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "What an agent has learned: remembers it, finds it again, and looks after where it is kept.",
    discussion: """
      A store is a directory. Programs may have it open meanwhile, except for repair.

      Exit codes: 0 all is well; 1 the store has problems, something in it is lost, or what was \
      changed on both sides was not synced; 2 it could not be done, and why is on standard error; \
      3 a limit of a service level does not hold, or soon will not (advise); 64 \
      the command was not understood.
      """,
    subcommands: [
      Add.self, Search.self, Get.self, List.self, Update.self, Delete.self, History.self, Queue.self,
      Verify.self, Repair.self, Backup.self, Restore.self, Export.self, Import.self, Sync.self,
      Compact.self, Erase.self, Reembed.self, Retain.self, Summarize.self, Stats.self, Advise.self,
      Doctor.self, Model.self, Demo.self,
    ])
}
