#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "crypto/onion_handshake.h"

namespace kist {

/// The relay's side of the ntor-v3 handshake (proposal 332) for one skin, in two steps, because the answer's
/// message depends on the client's: open(), look at clientMessage(), answer(). Only after a true open() may
/// answer() be called, once. It says nothing about what the messages mean.
class NtorV3Server {
 public:
  /// The longest key stream answer() gives.
  static constexpr size_t kMaxKeystream = 256;

  /// `verification` is VER: a string that both sides must hold. Both must outlive this.
  NtorV3Server(const OnionIdentity& identity, ByteSpan verification)
      : identity_(identity), verification_(verification) {}
  NtorV3Server(const NtorV3Server&) = delete;
  NtorV3Server& operator=(const NtorV3Server&) = delete;
  ~NtorV3Server();

  /// Reads NODEID 32, KEYID 32, CLIENT_PK 32, MSG, MAC 32. False when it is not for us or its MAC is wrong.
  [[nodiscard]] bool open(ByteSpan skin);
  /// CM, decrypted.
  const std::vector<uint8_t>& clientMessage() const { return clientMessage_; }
  /// Writes Y 32, AUTH 32, MSG into `reply`, where MSG is `message` encrypted, and fills `keystream`.
  /// `ephemeral` is a key pair for this one answer.
  [[nodiscard]] bool answer(const OnionKey& ephemeral, ByteSpan message, std::vector<uint8_t>& reply,
                            MutableByteSpan keystream);

 private:
  const OnionIdentity& identity_;
  ByteSpan verification_;
  const OnionKey* onionKey_ = nullptr;
  std::array<uint8_t, 32> clientKey_{};
  std::array<uint8_t, 32> onionShared_{};  // Xb.
  std::array<uint8_t, 32> clientMac_{};
  std::vector<uint8_t> clientMessage_;
};

/// ntor-v3 as CREATE2 uses it (proposal 332 A.2): the client's extensions must be well formed and are
/// ignored, since none is known; the answer has none.
[[nodiscard]] bool answerNtorV3(ByteSpan skin, const OnionIdentity& identity, const OnionKey& ephemeral,
                                OnionAnswer& out);

}  // namespace kist
