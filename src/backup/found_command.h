#pragma once

#include <string>
#include <string_view>

namespace backup {

// What switchback's own archive command says when it refuses, and by which it is known.
inline constexpr std::string_view kArchiveRefusal = "switchback: the archive holds another file";

// An archive_command that was there before: somebody relies on it.
struct FoundCommand {
  enum class Tool { kSwitchback, kPgBackRest, kBarman, kWalG, kCopy, kOther };
  Tool tool = Tool::kOther;
  std::string name = {};  // the stanza or the server, where the command says it
  std::string command = {};
  std::string target = {};  // of kCopy: the file that it makes, as the command writes it; empty: not known
  // A provider of switchback's takes the backups with the tool itself.
  [[nodiscard]] bool HasProvider() const { return tool == Tool::kPgBackRest || tool == Tool::kBarman; }
};

// Pure; of a command that archives something.
FoundCommand Recognise(const std::string& command);
// What it is and what fits it: "the server archives with pgBackRest, stanza main" and what to write where.
std::string What(const FoundCommand& found);
std::string WhatFits(const FoundCommand& found);

// A command that runs ours, and then the one that was there. Where either fails, the server runs both again: ours takes
// that, and a copy that refuses because its file is there is asked whether it is the same. Empty: the other cannot
// stand behind another one, because a comment in it would swallow what follows.
std::string Beside(const std::string& ours, const FoundCommand& other);
// It is ours, alone or before another one.
bool Runs(const std::string& command, const std::string& ours);

}  // namespace backup
