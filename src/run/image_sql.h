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

// The SQL with which one captured table goes back. Pure.
//
// Where each row has one image, all rows of a kind go back by a statement over the images themselves, which writes the
// `seq` of those that it set back into the temporary table `settled`; and counts them in the sequence of the images,
// which can be read from elsewhere meanwhile. What is left, or all where a row has several images, goes through `net`:
// a temporary table with one row for what happened to each row: g (its name here), kind ('U', 'D', 'I', or '-' for
// nothing), row_key (text[], of the row as it stands), key (for people), b1..bn, a1..an, settled, reason. With `one`, a
// statement takes only the row whose g is $1.
class ImageSql {
 public:
  // `unsettable`: columns that no UPDATE may set; `generated`: nor an INSERT give. `number`: of the temporary tables.
  ImageSql(const plan::DataChange::Capture& capture, std::size_t number, std::set<std::string> unsettable,
           std::set<std::string> generated, std::vector<Reference> references);

  // One row: the sequence of the images; how many there are of each kind, I, D, U; whether the change moved a row to
  // another key; then of each column whether any update changed it.
  [[nodiscard]] std::string Survey() const;
  // What the survey told: the sequence, and the places of the columns that updates go back by, from 1.
  void Apply(const std::string& sequence, const std::vector<std::size_t>& changed);
  [[nodiscard]] std::string AnyTwice() const;  // has a row several images?

  [[nodiscard]] std::string CreateSettled() const;
  [[nodiscard]] std::string SetBackAll() const;       // 'U'
  [[nodiscard]] std::string PutBackAll() const;       // 'D'
  [[nodiscard]] std::string LockInsertedAll() const;  // 'I', before TakeAwayAll
  [[nodiscard]] std::string TakeAwayAll() const;      // 'I'
  [[nodiscard]] std::string CreateEmptyNet() const;
  [[nodiscard]] std::string FillNet() const;  // with what is not settled of the kind $1

  [[nodiscard]] const std::string& settled() const { return settled_; }
  [[nodiscard]] const std::string& net() const { return net_; }
  [[nodiscard]] std::string CreateNet(bool by_image) const;  // by_image: each image stands for itself
  [[nodiscard]] std::string SetBack(bool one) const;         // 'U'
  [[nodiscard]] std::string PutBack(bool one) const;         // 'D'
  [[nodiscard]] std::string LockInserted(bool one) const;    // 'I', before TakeAway
  [[nodiscard]] std::string TakeAway(bool one) const;        // 'I'
  [[nodiscard]] std::string GiveReasons() const;             // for what is not settled
  [[nodiscard]] std::string EmptyImages() const;

 private:
  struct From;
  [[nodiscard]] std::string Images() const;
  [[nodiscard]] std::string RowIs() const;       // t is the row of n
  [[nodiscard]] std::string AsInserted() const;  // t still is as n says that it was left
  [[nodiscard]] std::string AsBefore() const;    // t is as n says that it was before the change
  [[nodiscard]] std::string Count() const;       // one more in the sequence of the images
  [[nodiscard]] bool IsSettable(std::size_t place) const;
  [[nodiscard]] std::string Settle(const std::string& hit, bool one) const;
  [[nodiscard]] std::string Mark(const std::string& hit) const;
  [[nodiscard]] std::string SetBackFrom(const From& from) const;
  [[nodiscard]] std::string LockInsertedFrom(const From& from) const;
  [[nodiscard]] std::string TakeAwayFrom(const From& from) const;
  [[nodiscard]] std::string InsertFrom(const From& from) const;
  [[nodiscard]] std::string KeyText(const std::string& prefix) const;
  [[nodiscard]] std::string KeyForPeople(const std::string& row_key) const;
  [[nodiscard]] From FromNet(char kind, bool one) const;
  [[nodiscard]] From FromImages(char kind) const;

  const plan::DataChange::Capture& capture_;
  std::string net_;
  std::string settled_;
  std::string sequence_;
  std::set<std::string> unsettable_;
  std::set<std::string> generated_;
  std::vector<Reference> references_;
  std::vector<std::size_t> key_;      // positions in columns, from 1
  std::vector<std::size_t> changed_;  // the same, those that updates go back by
};

}  // namespace run
