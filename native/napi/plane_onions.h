#pragma once

// Included by addon.cc alone: the commands of PlaneWrap about TLS identities, link secrets and circuit
// handshakes. Key bytes that were copied on their way are wiped.

#include <cstring>

#include "napi/plane_wrap.h"

namespace kist {

/// Bytes of a secret; wiped when they go.
struct SecretCopy {
  explicit SecretCopy(std::vector<uint8_t>&& taken) : bytes(std::move(taken)) {}
  SecretCopy(const SecretCopy&) = delete;
  SecretCopy& operator=(const SecretCopy&) = delete;
  ~SecretCopy() { explicit_bzero(bytes.data(), bytes.size()); }
  std::vector<uint8_t> bytes;
};

constexpr const char* kTlsIdentityError = "ERR_KIST_TLS_IDENTITY";

inline Napi::Value PlaneWrap::addTlsIdentity(Info info) {
  Arguments arguments(info);
  const auto certificate = arguments.bytes(0, "certificateDer");
  const SecretCopy key(arguments.bytes(1, "privateKeyDer"));
  if (!arguments.ok() || !plane_) return info.Env().Undefined();
  uint32_t identity = 0;
  std::string problem;
  if (!isOk(plane_->addTlsIdentity(certificate, key.bytes, identity, problem))) {
    throwError(info.Env(), kTlsIdentityError, problem);
    return info.Env().Undefined();
  }
  return toNumber(info.Env(), identity);
}

inline void PlaneWrap::replaceTlsIdentity(Info info) {
  Arguments arguments(info);
  const uint32_t identity = arguments.integer(0, "identity");
  const auto certificate = arguments.bytes(1, "certificateDer");
  const SecretCopy key(arguments.bytes(2, "privateKeyDer"));
  if (!arguments.ok() || !plane_) return;
  std::string problem;
  const Status status = plane_->replaceTlsIdentity(identity, certificate, key.bytes, problem);
  if (status == Status::kNotFound) {
    arguments.fail("identity", "a number from addTlsIdentity()");
  } else if (!isOk(status)) {
    throwError(info.Env(), kTlsIdentityError, problem);
  }
}

inline void PlaneWrap::exportLink(Info info) {
  Arguments arguments(info);
  const Handle channel = arguments.handle(0, "channel");
  auto context = arguments.bytes(1, "context");
  if (!arguments.ok() || !plane_) return;
  plane_->post(channel, [channel, context = std::move(context)](Reactor& reactor) {
    reactor.exportLink(channel, context);
  });
}

/// Copies exactly `into.size()` bytes of a field.
template <size_t N>
void readKey(Arguments& arguments, const Napi::Object& object, const char* name,
             std::array<uint8_t, N>& into) {
  const SecretCopy field(arguments.bytesField(object, name));
  if (!arguments.ok()) return;
  if (field.bytes.size() != N) return arguments.fail(name, "of " + std::to_string(N) + " bytes");
  std::copy(field.bytes.begin(), field.bytes.end(), into.begin());
}

inline std::shared_ptr<const OnionIdentity> PlaneWrap::readOnionKeys(Arguments& arguments,
                                                                     const Napi::Object& object) {
  constexpr uint32_t kMostKeys = 8;
  auto identity = std::make_shared<OnionIdentity>();
  readKey(arguments, object, "rsaDigest", identity->rsaDigest);
  readKey(arguments, object, "ed25519", identity->ed25519);
  if (!arguments.ok()) return identity;
  const Napi::Value list = object.Get("keys");
  if (!list.IsArray() || list.As<Napi::Array>().Length() > kMostKeys) {
    arguments.fail("keys", "an array of at most 8 onion keys");
    return identity;
  }
  const auto keys = list.As<Napi::Array>();
  identity->keys.reserve(keys.Length());
  for (uint32_t i = 0; i < keys.Length() && arguments.ok(); ++i) {
    const Napi::Value entry = keys.Get(i);
    if (!entry.IsObject()) {
      arguments.fail("keys", "an array of objects");
      break;
    }
    OnionKey& key = identity->keys.emplace_back();
    readKey(arguments, entry.As<Napi::Object>(), "publicKey", key.publicKey);
    if (arguments.ok()) readKey(arguments, entry.As<Napi::Object>(), "secretKey", key.secretKey);
  }
  return identity;
}

inline void PlaneWrap::setOnionKeys(Info info) {
  Arguments arguments(info);
  const uint32_t owner = arguments.integer(0, "owner", 1e6);
  const Napi::Object object = arguments.object(1, "keys");
  if (!arguments.ok()) return;
  auto identity = readOnionKeys(arguments, object);
  if (!arguments.ok() || !plane_) return;
  int error = 0;
  if (plane_->setOnionKeys(owner, std::move(identity), error) != Status::kError) return;
  const char* name = strerrorname_np(error);
  throwError(info.Env(), name != nullptr ? name : "ERR_KIST_NATIVE",
             std::string("cannot start a thread for circuit handshakes: ") + std::strerror(error));
}

inline void PlaneWrap::setMaxOnionQueueDelay(Info info) {
  Arguments arguments(info);
  const double delayMs = arguments.number(0, "delayMs", 1, kMaxOnionQueueDelayMs);
  if (!arguments.ok() || !plane_) return;
  plane_->setMaxOnionQueueDelay(static_cast<TimeNs>(delayMs * kMillisecond));
}

inline void PlaneWrap::acceptOnion(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const auto type = static_cast<uint16_t>(arguments.integer(1, "type", UINT16_MAX));
  auto skin = arguments.bytes(2, "skin");
  if (arguments.ok() && skin.size() > kMaxCellLength) arguments.fail("skin", "of at most one cell");
  if (!arguments.ok() || !plane_) return;
  plane_->post(circuit, [circuit, type, skin = std::move(skin)](Reactor& reactor) {
    reactor.acceptOnion(circuit, type, skin);
  });
}

inline void PlaneWrap::addHop(Info info) {
  Arguments arguments(info);
  const Handle circuit = arguments.handle(0, "circuit");
  const SecretCopy bytes(arguments.bytes(1, "keys"));
  if (!arguments.ok()) return;
  RelayKeys keys;
  if (!RelayKeys::fromBytes(bytes.bytes, keys)) return arguments.fail("keys", "of 72 bytes");
  onCircuit(circuit, [keys](CellSwitch& cells, Circuit& it) { cells.addHop(it, keys); });
}

}  // namespace kist
