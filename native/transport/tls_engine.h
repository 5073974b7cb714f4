#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "transport/link_secrets.h"
#include "transport/tls_identity.h"

struct bio_st;
struct ssl_st;

namespace kist {

/// One end of one TLS connection, in memory: OpenSSL over flat pieces of ciphertext. Knows no socket, owns no
/// buffer: each call works on what attach() gave. Used by TlsTransport alone.
class TlsEngine {
 public:
  enum class Result : uint8_t {
    kOk,
    kWantInput,  ///< No whole record is left in the input.
    kWantRoom,   ///< The output is full.
    kEnded,      ///< The peer said close_notify.
    kBroken,     ///< An alert, a bad record, a failed handshake. Nothing but output() may follow.
  };

  static constexpr size_t kRecord = 16 * 1024;  ///< Plaintext of one record at most.
  /// A record on the wire at most: header, plaintext, and what TLS 1.2 allows beyond it.
  static constexpr size_t kMaxWireRecord = 5 + kRecord + 2048;
  static constexpr uint32_t kUsualOverhead = 22;  ///< Of a record of TLS 1.3.

  /// Null when memory lacks.
  static std::unique_ptr<TlsEngine> makeServer(const TlsIdentity::Context& context);
  /// Asks for a random name, as Tor clients do.
  static std::unique_ptr<TlsEngine> makeClient(const TlsIdentity::Context& context);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  /// Before any of the calls below that work: ciphertext to take from and room to put ciphertext into. Both
  /// stay the caller's and are used until the next attach().
  void attach(ByteSpan input, MutableByteSpan output);
  /// What of the input was not taken yet: the caller keeps it and puts it before newer input.
  ByteSpan restOfInput() const { return input_; }
  /// What was put into the output.
  ByteSpan output() const { return output_.first(outputUsed_); }
  size_t outputRoom() const { return output_.size() - outputUsed_; }

  Result handshake();
  /// Fills `into`, or until the input holds no whole record. `bytes` is set with any result.
  Result read(MutableByteSpan into, size_t& bytes);
  /// Makes one record of `plain` (kRecord at most). kWantRoom: nothing was taken.
  Result write(ByteSpan plain);
  /// Puts close_notify into the output. Reading goes on.
  void sayClose();

  /// Whether read() would find something in `input` or has decrypted bytes left.
  bool hasInput(ByteSpan input) const;
  /// `bytes` of plaintext in the fewest records, as the negotiated cipher makes them.
  uint64_t wireBytes(uint64_t bytes) const {
    return bytes + (bytes + kRecord - 1) / kRecord * recordOverhead_;
  }
  bool exportLink(ByteSpan context, LinkSecrets& out) const;

 private:
  friend struct TlsEngineBio;

  TlsEngine() = default;
  static std::unique_ptr<TlsEngine> make(const TlsIdentity::Context& context);
  Result resultOf(int outcome);
  void noteCipher();
  int takeInput(char* into, int most);
  int putOutput(const char* bytes, int count);

  ssl_st* ssl_ = nullptr;
  ByteSpan input_;
  size_t recordLeft_ = 0;  ///< Of the record that OpenSSL reads now: it gets whole ones only.
  MutableByteSpan output_;
  size_t outputUsed_ = 0;
  uint32_t recordOverhead_ = kUsualOverhead;  ///< Until the handshake tells.
};

}  // namespace kist
