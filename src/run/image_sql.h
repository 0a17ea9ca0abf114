#pragma once

#include <set>
#include <string>
#include <vector>

#include "plan/step.h"

namespace run {

// A foreign key of another table onto the captured one: pairs of (its column, our column).
struct Reference {
  pg::QualifiedName from;
  std::vector<std::pair<std::string, std::string>> columns;
};

// The SQL with which one captured table goes back. Pure. `net` is a temporary table with one row for what happened to
// each row: g (its name here), kind ('U', 'D', 'I', or '-' for nothing), row_key (text[], of the row as it stands), key
// (for people), b1..bn, a1..an, settled, reason. With `one`, a statement takes only the row whose g is $1.
class ImageSql {
 public:
  // `unsettable`: columns that no UPDATE may set; `generated`: nor an INSERT give.
  ImageSql(const plan::DataChange::Capture& capture, std::string net, std::set<std::string> unsettable,
           std::set<std::string> generated, std::vector<Reference> references);

  [[nodiscard]] std::string KeyChanged() const;              // did the change move a row to another key?
  [[nodiscard]] std::string CreateNet(bool by_image) const;  // by_image: each image stands for itself
  [[nodiscard]] std::string SetBack(bool one) const;         // 'U'
  [[nodiscard]] std::string PutBack(bool one) const;         // 'D'
  [[nodiscard]] std::string LockInserted(bool one) const;    // 'I', before TakeAway
  [[nodiscard]] std::string TakeAway(bool one) const;        // 'I'
  [[nodiscard]] std::string GiveReasons() const;             // for what is not settled
  [[nodiscard]] std::string EmptyImages() const;

 private:
  [[nodiscard]] std::string Images() const;
  [[nodiscard]] std::string RowIs() const;       // t is the row of n
  [[nodiscard]] std::string AsInserted() const;  // t still is as n says that it was left
  [[nodiscard]] std::string Settle(const std::string& hit, bool one) const;
  [[nodiscard]] std::string KeyText(const std::string& prefix) const;

  const plan::DataChange::Capture& capture_;
  std::string net_;
  std::set<std::string> unsettable_;
  std::set<std::string> generated_;
  std::vector<Reference> references_;
  std::vector<std::size_t> key_;  // positions in columns, from 1
};

}  // namespace run
