#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

namespace kist {

/// Room to work in, shared by all `tls` transports of one loop: none of them holds it beyond one call, so
/// thousands of connections need it once. Allocated at its first use.
class TlsScratch {
 public:
  static constexpr size_t kInput = 128 * 1024;
  static constexpr size_t kOutput = 96 * 1024;
  static constexpr size_t kAnswers = 32 * 1024;
  static constexpr size_t kPlain = 16 * 1024;

  /// Ciphertext as received.
  MutableByteSpan input() { return MutableByteSpan(bytes(), kInput); }
  /// Ciphertext to be sent.
  MutableByteSpan output() { return MutableByteSpan(bytes() + kInput, kOutput); }
  /// The same for all but data: a handshake's flight, an alert, answers to new keys.
  MutableByteSpan answers() { return output().first(kAnswers); }
  /// Plaintext of one record, gathered.
  MutableByteSpan plain() { return MutableByteSpan(bytes() + kInput + kOutput, kPlain); }

 private:
  uint8_t* bytes() {
    if (bytes_ == nullptr) bytes_ = std::unique_ptr<uint8_t[]>(new uint8_t[kInput + kOutput + kPlain]);
    return bytes_.get();
  }

  std::unique_ptr<uint8_t[]> bytes_;
};

}  // namespace kist
