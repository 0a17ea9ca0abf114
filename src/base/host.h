#pragma once

#include <string>

// Where this process runs: what makes a process id mean the same process to two readers.
namespace base {

std::string HostName();
// Another text after each boot of the machine; empty where the system has none.
std::string BootId();
// Process ids mean the same processes within one namespace only.
std::string PidNamespace();

}  // namespace base
