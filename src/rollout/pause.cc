#include "rollout/pause.h"

#include "journal/mirror.h"
#include "rollout/sql_text.h"

namespace rollout {

bool Pause(pg::Connection& connection, const std::string& release, const std::string& who) {
  journal::InstallSchema(connection);
  return connection.Query(std::string(sql_text::kPause), {release, who}).Bool(0, 0);
}

bool Resume(pg::Connection& connection, const std::string& release) {
  journal::InstallSchema(connection);
  return connection.Query(std::string(sql_text::kResume), {release}).affected() > 0;
}

}  // namespace rollout
