#include "stream/drain.h"

#include <fmt/core.h>

#include <thread>
#include <unordered_map>
#include <utility>

#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/long_work.h"
#include "base/share.h"
#include "journal/tag.h"
#include "pg/replication.h"
#include "pg/transaction.h"
#include "stream/pgoutput.h"
#include "stream/slot.h"
#include "stream/spool.h"
#include "stream/sql_text.h"

namespace stream {
namespace {

using base::Code;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Not the tags': it is nobody's transaction.
constexpr std::string_view kEndPrefix = "switchback_drain";
constexpr std::uint64_t kUnsafeMost = 64 << 20;
constexpr milliseconds kConfirmEvery = std::chrono::seconds(2);
constexpr milliseconds kTryAgain{100};

struct EndMark {
  std::string text;
  pg::Lsn lsn;
};

// Writes a mark behind which the stream has all that committed before. Its COMMIT takes the log to the disk, without
// which the slot would not show what other sessions committed asynchronously.
EndMark MarkEnd(pg::Connection& connection) {
  EndMark mark{.text = base::RandomHex(16), .lsn = {}};
  pg::Transaction transaction(connection);
  connection.Exec("SET TRANSACTION READ WRITE; SET LOCAL synchronous_commit = local");
  mark.lsn = pg::Lsn::Parse(
      connection.Query("SELECT pg_catalog.pg_logical_emit_message(true, $1, $2)", {std::string(kEndPrefix), mark.text})
          .Text(0, 0));
  transaction.Commit();
  return mark;
}

// Puts what the server sends into the spool, message by message.
class Intake {
 public:
  Intake(Spool& spool, pg::Lsn from, std::string mark) : spool_(spool), mark_(std::move(mark)) {
    through_ = std::max(spool.place().through, from);
  }

  void Take(std::string_view data) {
    if (const std::optional<std::uint32_t> relation = RelationOf(data)) return TakeChange(*relation, data);
    Message message = Decode(data);
    if (const auto* begin = std::get_if<Begin>(&message)) return TakeBegin(*begin);
    if (auto* relation = std::get_if<Relation>(&message)) {
      tables_[relation->id] = {.message = std::string(data), .described_at = std::nullopt};
      return;
    }
    if (const auto* emitted = std::get_if<Emitted>(&message)) return TakeEmitted(*emitted);
    if (std::get_if<Type>(&message) != nullptr) return;
    if (!open_) Refuse("it has no beginning");
    if (const auto* origin = std::get_if<Origin>(&message)) entry_.origin = origin->name;
    if (const auto* truncate = std::get_if<Truncate>(&message)) TakeTruncate(*truncate, data);
    if (const auto* commit = std::get_if<Commit>(&message)) TakeCommit(*commit);
  }

  // The server has sent all that committed before.
  void SawThrough(pg::Lsn lsn) {
    if (!open_) through_ = std::max(through_, lsn);
  }

  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] pg::Lsn through() const { return through_; }
  [[nodiscard]] std::int64_t changes() const { return changes_; }

 private:
  struct Table {
    std::string message;  // Relation
    std::optional<std::uint64_t> described_at;
  };

  [[noreturn]] static void Refuse(const char* what) {
    throw base::Error(Code::kStreamMalformed, "a transaction of the stream cannot be understood").Detail(what);
  }

  void TakeBegin(const Begin& begin) {
    if (open_) Refuse("it begins inside another one");
    open_ = true;
    // Sent again: the slot was not told before a crash that it is safe.
    known_ = begin.commit <= spool_.place().last_commit || begin.commit <= last_commit_;
    entry_ = {
        .offset = spool_.End(), .bytes = 0, .commit = begin.commit, .end = {}, .time = begin.time, .xid = begin.xid};
    by_relation_.clear();
  }

  Writes& WritesOf(std::uint32_t relation) {
    const auto known = by_relation_.find(relation);
    if (known != by_relation_.end()) return entry_.writes[known->second];
    const auto table = tables_.find(relation);
    if (table == tables_.end()) Refuse("a table was not described before its first change");
    if (!table->second.described_at) {
      table->second.described_at = spool_.End();
      spool_.Add(table->second.message);
    }
    by_relation_[relation] = entry_.writes.size();
    return entry_.writes.emplace_back(Writes{.relation = relation, .described_at = *table->second.described_at});
  }

  void TakeChange(std::uint32_t relation, std::string_view data) {
    if (!open_) Refuse("a change stands outside of every transaction");
    if (known_) return;
    Redescribe(relation);
    Writes& writes = WritesOf(relation);
    ++(data[0] == 'I' ? writes.inserted : data[0] == 'U' ? writes.updated : writes.deleted);
    spool_.Add(data);
    ++entry_.changes;
  }

  // A table that was altered inside the transaction is described anew between two of its changes.
  void Redescribe(std::uint32_t relation) {
    if (by_relation_.count(relation) == 0) return;
    Table& table = tables_.at(relation);
    if (table.described_at) return;
    table.described_at = spool_.End();
    spool_.Add(table.message);
  }

  void TakeTruncate(const Truncate& truncate, std::string_view data) {
    if (known_) return;
    for (const std::uint32_t relation : truncate.relations) WritesOf(relation).truncated = true;
    spool_.Add(data);
    ++entry_.changes;
  }

  void TakeEmitted(const Emitted& emitted) {
    if (!open_ || !emitted.transactional || known_) return;
    if (emitted.prefix == journal::kTagPrefix && entry_.marks++ == 0) {
      entry_.mark = {.first = entry_.changes == 0, .content = std::string(emitted.content.substr(0, kMarkKept))};
    }
    mark_seen_ = mark_seen_ || (emitted.prefix == kEndPrefix && emitted.content == mark_);
  }

  void TakeCommit(const Commit& commit) {
    open_ = false;
    through_ = std::max(through_, commit.end);
    ended_ = ended_ || mark_seen_;
    if (known_) return;
    entry_.end = commit.end;
    entry_.bytes = spool_.End() - entry_.offset;
    spool_.Close(entry_);
    last_commit_ = entry_.commit;
    changes_ += entry_.changes;
  }

  Spool& spool_;
  std::string mark_;
  bool open_ = false;  // between Begin and Commit
  bool known_ = false;
  bool mark_seen_ = false;
  bool ended_ = false;
  pg::Lsn through_;
  pg::Lsn last_commit_;
  std::int64_t changes_ = 0;
  Entry entry_;
  std::unordered_map<std::uint32_t, std::size_t> by_relation_;  // in entry_.writes
  std::unordered_map<std::uint32_t, Table> tables_;             // as this session was told
};

// Tells how far it is, by what the server has read of its log: it sends nothing of a transaction before its end. Then
// it has read all, and the messages tell that it goes on.
class Watch {
 public:
  // `to`: 0 of a standby, which replays as it is told to.
  Watch(const DrainRequest& request, pg::Lsn from, pg::Lsn to)
      : request_(request),
        from_(from),
        to_(to),
        work_("reading the stream", {.unit = base::LongWork::Unit::kBytes, .look = [this] { return Look(); }}) {}

  void Took() { ++taken_; }

 private:
  std::optional<base::LongWork::Reached> Look() {
    if (!connection_ || connection_->Broken()) {
      pg::ConnectOptions options = request_.connect;
      options.statement_timeout = std::chrono::seconds(5);
      connection_.emplace(pg::Connection::Open(options));
    }
    const pg::Result row = connection_->Query(std::string(sql_text::kReadSent), {request_.slot});
    if (row.rows() == 0) return std::nullopt;
    const pg::Lsn sent = std::max(pg::Lsn::Parse(row.Text(0, 0)), from_);
    const auto bytes = [this](pg::Lsn lsn) { return static_cast<std::int64_t>(lsn.value - from_.value); };
    return base::LongWork::Reached{.done = bytes(sent),
                                   .of = to_ > from_ ? bytes(to_) : 0,
                                   .estimate = false,
                                   .more = fmt::format("{} changes and other messages came", taken_.load())};
  }

  const DrainRequest& request_;
  pg::Lsn from_;
  pg::Lsn to_;
  std::optional<pg::Connection> connection_;
  std::atomic<std::int64_t> taken_ = 0;
  base::LongWork work_;
};

class Draining {
 public:
  explicit Draining(const DrainRequest& request)
      : request_(request), connection_(pg::Connection::Open(request.connect)) {}

  Drained Run() {
    if (request_.slot.empty()) return Lost("the checkpoint has no logical slot");
    if (const std::string why = WhyLost(ReadSlot(connection_, request_.slot), request_.slot); !why.empty()) {
      return Lost(why);
    }
    if (const std::string why = WhyUnpublished(); !why.empty()) return Lost(why);
    const auto deadline = Clock::now() + request_.busy_wait;
    for (;;) {
      try {
        Spool spool = Spool::Open(request_.state, request_.slot);
        return ReadInto(spool);
      } catch (const base::Error& error) {
        const bool busy = error.code() == Code::kSlotBusy || error.code() == Code::kSpoolBusy;
        if (!busy || !Pause(deadline, error)) return Judge(error);
      }
    }
  }

 private:
  static Drained Lost(const std::string& why) { return {.not_evidenced = why, .lost = true}; }

  // Some versions decode on without a publication that is gone, and say nothing.
  std::string WhyUnpublished() {
    for (const std::string& name : request_.publications) {
      if (connection_.Query("SELECT 1 FROM pg_publication WHERE pubname = $1", {name}).rows() == 0) {
        return fmt::format("the publication {} is gone", name);
      }
    }
    return "";
  }

  // False: the time is over.
  [[nodiscard]] bool Pause(Clock::time_point deadline, const base::Error& busy) {
    if (base::Asked(request_.stop)) throw base::Error(Code::kInterrupted, "interrupted");
    if (!std::exchange(told_, true)) {
      base::Info("{}: waiting until it ends, for {} s at most", busy.message(),
                 std::chrono::duration_cast<std::chrono::seconds>(request_.busy_wait).count());
    }
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(kTryAgain);
    return true;
  }

  Drained ReadInto(Spool& spool) {
    const pg::Lsn from = std::max(spool.place().through, request_.from);
    const pg::Lsn confirmed_so_far = ReadSlot(connection_, request_.slot).confirmed;
    if (confirmed_so_far > from) {
      return Lost(fmt::format("the slot {} was moved to {} by somebody else, and what is here ends at {}",
                              request_.slot, confirmed_so_far.Text(), from.Text()));
    }
    pg::Replication stream({.connect = request_.connect,
                            .slot = request_.slot,
                            .publications = request_.publications,
                            .start = from,
                            .stop = request_.stop});
    const Place before = spool.place();
    std::optional<pg::Lsn> replayed;
    if (request_.replay) replayed = request_.replay();
    EndMark mark;
    if (!request_.replay) {
      mark = MarkEnd(connection_);
      // It would give nothing before its log is as long again, and then without what was written until there.
      if (mark.lsn < from) {
        return Lost(fmt::format("the server's log ends at {}, and it was read up to {} before: the server was put back",
                                mark.lsn.Text(), from.Text()));
      }
    }
    Intake intake(spool, from, mark.text);
    Watch watch(request_, from, mark.lsn);
    auto confirmed = Clock::now();
    const auto confirm = [&] {
      spool.MakeSafe(intake.through());
      stream.Confirm(intake.through(), spool.place().through);
    };
    // A standby replays more only when what it replayed so far is safe: so it need not keep old rows of its catalog.
    const auto ended = [&] {
      if (!request_.replay) return intake.ended();
      while (replayed && !intake.open() && intake.through() >= *replayed) {
        confirm();
        replayed = request_.replay();
      }
      return !replayed;
    };
    base::Share share(request_.share);
    while (!ended()) {
      share.Rest();
      const pg::Replication::Received received = stream.Next();
      if (!received.data.empty()) {
        intake.Take(received.data);
        watch.Took();
      }
      intake.SawThrough(received.at);
      const auto now = Clock::now();
      if (!intake.open() && spool.Unsafe() >= kUnsafeMost) spool.MakeSafe(intake.through());
      if (received.reply_wanted || now - confirmed >= kConfirmEvery) {
        stream.Confirm(intake.through(), spool.place().through);
        confirmed = now;
      }
    }
    confirm();
    stream.End();
    const Place& after = spool.place();
    return {.not_evidenced = "",
            .lost = false,
            .through = after.through,
            .transactions = after.transactions - before.transactions,
            .changes = intake.changes(),
            .nobodys = after.nobodys - before.nobodys};
  }

  // What the failure means for who relies on the stream.
  Drained Judge(const base::Error& error) {
    if (error.code() == Code::kSlotBusy || error.code() == Code::kSpoolBusy) return {.not_evidenced = error.message()};
    const bool broke = error.code() == Code::kConnectionLost;
    if (!broke && error.code() != Code::kSlotLost) throw error;
    // The server ends the session of a slot that it gives up.
    std::string why = connection_.Broken() ? "" : WhyLost(ReadSlot(connection_, request_.slot), request_.slot);
    if (why.empty() && broke) throw error;
    if (why.empty()) why = error.message() + (error.detail().empty() ? "" : ": " + error.detail());
    return Lost(why);
  }

  const DrainRequest& request_;
  pg::Connection connection_;
  bool told_ = false;
};

}  // namespace

Drained Drain(const DrainRequest& request) { return Draining(request).Run(); }

}  // namespace stream
