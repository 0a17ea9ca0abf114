// Feeds the decoder of pgoutput with messages that are almost right. It may refuse them with its own error, and nothing
// else: no crash, no other exception, no byte read beside the message.
//
// pgoutput_fuzz CORPUS ITERATIONS [SECONDS]: CORPUS has a message a line, in hexadecimal, as a real server sent it.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "stream/entry.h"
#include "stream/pgoutput.h"

namespace {

std::size_t Touch(std::string_view text) {
  std::size_t sum = 0;
  for (const char byte : text) sum += static_cast<unsigned char>(byte);
  return sum;
}

std::size_t Touch(const stream::Row& row) {
  std::size_t sum = 0;
  for (const stream::Value& value : row) sum += Touch(value.text);
  return sum;
}

// Reads all that was decoded, so that a sanitizer sees a view that points beside the message.
std::size_t TouchAll(const stream::Message& message) {
  if (const auto* insert = std::get_if<stream::Insert>(&message)) return Touch(insert->row);
  if (const auto* update = std::get_if<stream::Update>(&message)) {
    return Touch(update->row) + (update->old ? Touch(*update->old) : 0);
  }
  if (const auto* gone = std::get_if<stream::Delete>(&message)) return Touch(gone->old);
  if (const auto* emitted = std::get_if<stream::Emitted>(&message)) {
    return Touch(emitted->prefix) + Touch(emitted->content);
  }
  return 0;
}

template <typename Decode>
void MayRefuse(const Decode& decode) {
  try {
    decode();
  } catch (const base::Error& error) {
    if (error.code() != base::Code::kStreamMalformed) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A copy of exactly its size, so that one byte too many is another's.
  const std::vector<char> copy(data, data + size);
  const std::string_view text(copy.data(), copy.size());
  [[maybe_unused]] static volatile std::size_t sink = 0;
  MayRefuse([&] { sink = TouchAll(stream::Decode(text)); });
  MayRefuse([&] { sink = stream::RelationOf(text).value_or(0); });
  MayRefuse([&] { sink = stream::DecodeEntry(text).mark.content.size(); });
  return 0;
}

#ifndef SB_LIBFUZZER
namespace {

using Random = std::mt19937;

std::vector<std::string> ReadCorpus(const char* path) {
  std::vector<std::string> corpus;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::string message;
    for (std::size_t at = 0; at + 1 < line.size(); at += 2) {
      message += static_cast<char>(std::stoi(line.substr(at, 2), nullptr, 16));
    }
    corpus.push_back(message);
  }
  return corpus;
}

std::size_t Below(Random& random, std::size_t limit) { return limit == 0 ? 0 : random() % limit; }

void Mutate(std::string& message, const std::string& other, Random& random) {
  constexpr std::string_view kEdges("\0\1\x7f\x80\xff", 5);
  const std::size_t at = Below(random, message.size());
  switch (random() % 6) {
    case 0:
      if (!message.empty()) message[at] = static_cast<char>(random());
      break;
    case 1:
      if (!message.empty()) message[at] = kEdges[random() % kEdges.size()];
      break;
    case 2:
      message.resize(at);
      break;
    case 3:
      message.insert(at, 1 + Below(random, 8), static_cast<char>(random()));
      break;
    case 4:
      message = message.substr(0, at) + other.substr(Below(random, other.size()));
      break;
    default:  // a length of four bytes
      for (std::size_t i = at; i < message.size() && i < at + 4; ++i) message[i] = kEdges[random() % kEdges.size()];
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::vector<std::string> corpus = ReadCorpus(argv[1]);
  if (corpus.empty()) return 2;
  Random random(20261123);
  const auto feed = [](const std::string& message) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(message.data()), message.size());
  };
  for (const std::string& message : corpus) {
    stream::Decode(message);  // what a server sent is understood
    feed(message);
  }
  const long iterations = std::atol(argv[2]);
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::seconds(argc > 3 ? std::atol(argv[3]) : 24L * 3600);
  long done = 0;
  for (; done < iterations && std::chrono::steady_clock::now() < until; ++done) {
    std::string message = corpus[Below(random, corpus.size())];
    for (std::size_t times = 1 + Below(random, 4); times > 0; --times) {
      Mutate(message, corpus[Below(random, corpus.size())], random);
    }
    feed(message);
  }
  std::printf("%ld messages\n", done);
  return 0;
}
#endif
