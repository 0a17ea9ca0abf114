#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/process.h"
#include "sandbox/server.h"

// Small things that every driver needs around the server's programs, its data directory and its command settings.
namespace backup {

// 'text' for a POSIX shell.
std::string ShellQuote(const std::string& text);
// The same within a server's setting in which % introduces a placeholder: archive_command, restore_command.
std::string ShellQuoteForServer(const std::string& text);

// Makes a directory and its missing parents, owned by `account`, mode 0700; one that exists is left as it is. Throws
// kRepositoryUnusable.
void MakeDirectories(const std::filesystem::path& directory, const std::optional<base::Account>& account);
// The same of a directory that must not exist yet; throws kDirectoryExists too.
void MakeNewDirectory(const std::filesystem::path& directory, const std::optional<base::Account>& account);

std::string RunControlData(const std::filesystem::path& data, const sandbox::Binaries& binaries,
                           const std::optional<base::Account>& account);
// One line of pg_controldata's output ("max_connections setting"); throws kProcessFailed where it is missing.
std::string ControlData(const std::string& output, const std::string& name);

// True where a program says that the disk, a quota or a limit to the size of files is full.
bool SaysDiskFull(const std::string& output);

}  // namespace backup
