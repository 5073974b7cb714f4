#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace kist {

/// AES in counter mode, the stream cipher of tor-spec 0.3: each call takes up the key stream where the last
/// one left it, in mid block if need be. Encrypting and decrypting are the same.
class AesCtr {
 public:
  AesCtr() = default;
  AesCtr(const AesCtr&) = delete;
  AesCtr& operator=(const AesCtr&) = delete;
  ~AesCtr();

  /// Starts the key stream: 16 bytes of key for AES-128, 32 for AES-256. `counter` is the first counter
  /// block, 16 bytes; Tor always starts at zero, which is what an empty one means. False for other lengths or
  /// when OpenSSL cannot; then crypt() must not be called.
  [[nodiscard]] bool start(ByteSpan key, ByteSpan counter = {});
  /// Encrypts or decrypts in place. Allocates nothing.
  void crypt(uint8_t* bytes, size_t length);

 private:
  EVP_CIPHER_CTX* context_ = nullptr;
};

}  // namespace kist
