#include "crypto/onion_handshake.h"

#include <doctest/doctest.h>

#include <thread>

#include "crypto/create_fast.h"
#include "crypto/ntor.h"
#include "crypto/ntor_v3.h"
#include "crypto/text_bytes.h"
#include "crypto/x25519.h"
#include "hex.h"
#include "onion_client.h"

using namespace kist;

namespace {

// RFC 7748, 6.1.
const char* kAliceSecret = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a";
const char* kAlicePublic = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
const char* kBobSecret = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
const char* kBobPublic = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
const char* kShared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";

Bytes rising(uint8_t from, size_t length) {
  Bytes bytes(length);
  for (uint8_t& byte : bytes) byte = from++;
  return bytes;
}

Bytes flat(const RelayKeys& keys) {
  Bytes all(keys.forwardDigest.begin(), keys.forwardDigest.end());
  all.insert(all.end(), keys.backwardDigest.begin(), keys.backwardDigest.end());
  all.insert(all.end(), keys.forwardKey.begin(), keys.forwardKey.end());
  all.insert(all.end(), keys.backwardKey.begin(), keys.backwardKey.end());
  return all;
}

/// A relay with a current and a previous onion key, and clients of it.
struct Relay {
  OnionIdentity identity;
  Relay() {
    const Bytes rsa = rising(0x40, 20);
    const Bytes ed25519 = rising(0x80, 32);
    std::copy(rsa.begin(), rsa.end(), identity.rsaDigest.begin());
    std::copy(ed25519.begin(), ed25519.end(), identity.ed25519.begin());
    identity.keys = {onionKeyOf(rising(1, 32)), onionKeyOf(fromHex(kBobSecret))};
  }
  OnionClient client(uint16_t type, size_t key = 0) const {
    OnionClient made;
    made.secretKey = fromHex(kAliceSecret);
    made.nodeId = type == kOnionNtor ? Bytes(identity.rsaDigest.begin(), identity.rsaDigest.end())
                                     : Bytes(identity.ed25519.begin(), identity.ed25519.end());
    const auto& open = identity.keys[key].publicKey;
    made.onionKey.assign(open.begin(), open.end());
    return made;
  }
  bool refuses(uint16_t type, const Bytes& skin) const {
    OnionAnswer answer;
    answer.reply = {1, 2, 3};
    answer.keys.forwardKey[0] = 9;
    const bool isRefused = !answerOnion(type, skin, identity, answer);
    // A refusal leaves nothing to send and nothing to encrypt with.
    CHECK(answer.reply.empty() == isRefused);
    CHECK((flat(answer.keys) == Bytes(RelayKeys::kBytes)) == isRefused);
    return isRefused;
  }
};

const Bytes kNoExtensions = {0};

}  // namespace

TEST_CASE("X25519 gives the results of RFC 7748") {
  OnionKey alice = onionKeyOf(fromHex(kAliceSecret));
  CHECK(toHex(alice.publicKey) == kAlicePublic);
  Bytes shared(32);
  REQUIRE(deriveX25519(alice, fromHex(kBobPublic), shared));
  CHECK(toHex(shared) == kShared);
  REQUIRE(deriveX25519(onionKeyOf(fromHex(kBobSecret)), fromHex(kAlicePublic), shared));
  CHECK(toHex(shared) == kShared);
  // Section 5.2: a peer whose unused bit is set, which counts as 0.
  OnionKey other;
  const Bytes secret = fromHex("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d");
  std::copy(secret.begin(), secret.end(), other.secretKey.begin());
  REQUIRE(deriveX25519(other, fromHex("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"),
                       shared));
  CHECK(toHex(shared) == "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

TEST_CASE("X25519 refuses points of small order and wrong lengths") {
  const OnionKey key = onionKeyOf(fromHex(kAliceSecret));
  Bytes shared(32);
  for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    CHECK_FALSE(deriveX25519(key, fromHex(point), shared));
  }
  CHECK_FALSE(deriveX25519(key, rising(1, 31), shared));
  CHECK_FALSE(deriveX25519(key, rising(1, 32), MutableByteSpan(shared).first(31)));
}

TEST_CASE("X25519 key pairs are fresh and fit together") {
  OnionKey first;
  OnionKey second;
  REQUIRE(generateX25519(first));
  REQUIRE(generateX25519(second));
  CHECK(first.secretKey != second.secretKey);
  CHECK(x25519Public({first.secretKey.begin(), first.secretKey.end()}) ==
        Bytes(first.publicKey.begin(), first.publicKey.end()));
}

TEST_CASE("KDF-TOR gives C tor's results") {
  const auto derive = [](std::string_view input) {
    Bytes out(100);
    kdfTor(bytesOf(input), out);
    return toHex(out);
  };
  CHECK(
      derive("") ==
      "5ba93c9db0cff93f52b521d7420e43f6eda2784fbf8b4530d8d246dd74ac53a13471bba17941dff7c4ea21bb365bbeeaf5f2"
      "c654883e56d11e43c44e9842926af7ca0a8cca12604f945414f07b01e13da42c6cf1de3abfdea9b95f34687cbbe92b9a7383");
  CHECK(
      derive("Tor") ==
      "776c6214fc647aaa5f683c737ee66ec44f03d0372e1cce69227950f236ddf1e329a7ce7c227903303f525a8c6662426e8034"
      "870642a6dabbd41b5d97ec9bf2312ea729992f48f8ea2d0ba83f45dfda1a80bdc8b80de01b23e3e0ffae099b3e4ccf28dc28");
  CHECK(
      derive("AN ALARMING ITEM TO FIND ON A MONTHLY AUTO-DEBIT NOTICE") ==
      "a340b5d126086c3ab29c2af4179196dbf95e1c72431419d3314844bf8f6afb6098db952b95581fb6c33625709d6f4400b8e7"
      "ace18a70579fad83c0982ef73f89395bcc39493ad53a685854daf2ba9b78733b805d9a6824c907ee1dba5ac27a1e466d4d10");
}

TEST_CASE("CREATE_FAST is answered with the share, KH and the keys of KDF-TOR") {
  // SHA-1(X | Y | i), computed apart.
  const std::string derived =
      "49a8a3ed63f78047a1583aff465c08c636c25088"
      "7d80d7369e2d2de74c4b5df2c08bb237873044231f53bf72fd8a63e0e36c9752eb63e66e320a933d4d5fcaf3bd136643e646ff"
      "5a"
      "2990f2441b946aadc9fae932c36236a1fd112b2b";
  OnionAnswer answer;
  REQUIRE(answerFast(rising(0, 20), rising(100, 20), answer));
  CHECK(toHex(answer.reply) == toHex(rising(100, 20)) + derived.substr(0, 40));
  CHECK(toHex(flat(answer.keys)) == derived.substr(40));
  // The padding of the cell behind X plays no part.
  Bytes padded = rising(0, 20);
  padded.resize(509);
  OnionAnswer same;
  REQUIRE(answerFast(padded, rising(100, 20), same));
  CHECK(same.reply == answer.reply);
  CHECK_FALSE(answerFast(rising(0, 19), rising(100, 20), same));
}

TEST_CASE("CREATE_FAST gets another share each time") {
  const Relay relay;
  OnionAnswer first;
  OnionAnswer second;
  REQUIRE(answerOnion(kOnionFast, rising(0, 20), relay.identity, first));
  REQUIRE(answerOnion(kOnionFast, rising(0, 20), relay.identity, second));
  CHECK(first.reply.size() == 40);
  CHECK(first.reply != second.reply);
  OnionAnswer again;
  REQUIRE(answerFast(rising(0, 20), ByteSpan(first.reply).first(20), again));
  CHECK(again.reply == first.reply);
  CHECK(flat(again.keys) == flat(first.keys));
}

TEST_CASE("ntor gives the bytes of tor-spec 5.1.4") {
  // Computed apart, by a program that also agrees with what a relay of the Tor network answered.
  const Relay relay;
  const OnionClient client = relay.client(kOnionNtor, 1);
  OnionAnswer answer;
  REQUIRE(answerNtor(client.ntorSkin(), relay.identity, onionKeyOf(rising(0, 32)), answer));
  CHECK(toHex(answer.reply) ==
        "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f"
        "da6fc8339138058e9f4fddea64de5ea7d43a6db48bec0be3d8d881565540c945");
  CHECK(toHex(flat(answer.keys)) ==
        "6c92747f1965d168307197edb90e13bf2714d8ab1e1f8aad6f8986286393104d504a400dc2d6de6a"
        "e0c266d5cfaf8cabdce7245931ba808144dee96e93740025169f1db417021c8c");
}

TEST_CASE("ntor agrees with a client on keys, by the current and the previous onion key") {
  const Relay relay;
  for (const size_t key : {0u, 1u}) {
    const OnionClient client = relay.client(kOnionNtor, key);
    OnionAnswer answer;
    REQUIRE(answerOnion(kOnionNtor, client.ntorSkin(), relay.identity, answer));
    const auto keys = client.ntorKeys(answer.reply, RelayKeys::kBytes);
    REQUIRE(keys.has_value());
    CHECK(*keys == flat(answer.keys));
    OnionAnswer other;
    REQUIRE(answerOnion(kOnionNtor, client.ntorSkin(), relay.identity, other));
    CHECK(other.reply != answer.reply);
    CHECK(flat(other.keys) != flat(answer.keys));
  }
}

TEST_CASE("ntor refuses skins for other relays, other keys, of other lengths, with a point of small order") {
  const Relay relay;
  const Bytes good = relay.client(kOnionNtor).ntorSkin();
  REQUIRE(good.size() == 84);
  CHECK_FALSE(relay.refuses(kOnionNtor, good));
  for (const size_t at : {0u, 19u, 20u, 51u}) {
    Bytes bad(good);
    bad[at] ^= 1;
    CHECK(relay.refuses(kOnionNtor, bad));
  }
  CHECK(relay.refuses(kOnionNtor, {}));
  CHECK(relay.refuses(kOnionNtor, Bytes(good.begin(), good.end() - 1)));
  Bytes longer(good);
  longer.push_back(0);
  CHECK(relay.refuses(kOnionNtor, longer));
  Bytes zero(good);
  std::fill(zero.end() - 32, zero.end(), uint8_t{0});
  CHECK(relay.refuses(kOnionNtor, zero));
}

TEST_CASE("ntor-v3 gives the bytes of proposal 332") {
  OnionIdentity identity;
  const Bytes id = fromHex("9fad2af287ef942632833d21f946c6260c33fae6172b60006e86e4a6911753a2");
  std::copy(id.begin(), id.end(), identity.ed25519.begin());
  identity.keys = {onionKeyOf(fromHex("4051daa5921cfa2a1c27b08451324919538e79e788a81b38cbed097a5dff454a"))};
  REQUIRE(toHex(identity.keys[0].publicKey) ==
          "f8307a2bc1870b00b828bb74dbb8fd88e632a6375ab3bcd1ae706aaa8b6cdd1d");
  const Bytes skin = fromHex(
      "9fad2af287ef942632833d21f946c6260c33fae6172b60006e86e4a6911753a2"
      "f8307a2bc1870b00b828bb74dbb8fd88e632a6375ab3bcd1ae706aaa8b6cdd1d"
      "252fe9ae91264c91d4ecb8501f79d0387e34ad8ca0f7c995184f7d11d5da4f46"
      "3bebd9151fd3b47c180abc9e044d53565f04d82bbb3bebed3d06cea65db8be9c72b68cd461942088502f67");
  NtorV3Server server(identity, bytesOf("xyzzy"));
  REQUIRE(server.open(skin));
  CHECK(std::string(server.clientMessage().begin(), server.clientMessage().end()) == "hello world");

  const OnionKey ephemeral =
      onionKeyOf(fromHex("4865a5b7689dafd978f529291c7171bc159be076b92186405d13220b80e2a053"));
  Bytes reply;
  Bytes keystream(256);
  REQUIRE(server.answer(ephemeral, bytesOf("Hola Mundo"), reply, keystream));
  CHECK(toHex(reply) ==
        "4bf4814326fdab45ad5184f5518bd7fae25dc59374062698201a50a22954246d"
        "2fc5f8773ca824542bc6cf6f57c7c29bbf4e5476461ab130c5b18ab0a9127665"
        "1202c3e1e87c0d32054c");
  CHECK(toHex(keystream) ==
        "9c19b631fd94ed86a817e01f6c80b0743a43f5faebd39cfaa8b00fa8bcc65c3bfeaa403d91acbd68a821bf6ee8504602"
        "b094a254392a07737d5662768c7a9fb1b2814bb34780eaee6e867c773e28c212ead563e98a1cd5d5b4576f5ee61c59bd"
        "e025ff2851bb19b721421694f263818e3531e43a9e4e3e2c661e2ad547d8984caa28ebecd3e4525452299be26b9185a2"
        "0a90ce1eac20a91f2832d731b54502b09749b5a2a2949292f8cfcbeffb790c7790ed935a9d251e7e336148ea83b063a5"
        "618fcff674a44581585fd22077ca0e52c59a24347a38d1a1ceebddbf238541f226b8f88d0fb9c07a1bcd2ea764bbbb5d"
        "acdaf5312a14c0b9e4f06309b0333b4a");
  NtorV3Server other(identity, bytesOf("xyzzz"));
  CHECK_FALSE(other.open(skin));
}

TEST_CASE("ntor-v3 agrees with a client on keys, whatever extensions it offers, and offers none") {
  const Relay relay;
  // None; one without a body; three of which one is long.
  Bytes three = {3, 1, 0, 200, 255};
  three.resize(three.size() + 255, 7);
  three.insert(three.end(), {2, 2, 9, 9});
  for (const Bytes& message : {kNoExtensions, Bytes{1, 1, 0}, three}) {
    for (const size_t key : {0u, 1u}) {
      const OnionClient client = relay.client(kOnionNtorV3, key);
      const Bytes skin = client.ntorV3Skin(message);
      OnionAnswer answer;
      REQUIRE(answerOnion(kOnionNtorV3, skin, relay.identity, answer));
      CHECK(answer.reply.size() == 65);
      const auto result = client.ntorV3Keys(skin, answer.reply, RelayKeys::kBytes);
      REQUIRE(result.has_value());
      CHECK(result->message == kNoExtensions);
      CHECK(result->keys == flat(answer.keys));
    }
  }
}

TEST_CASE("ntor-v3 refuses extensions that are not well formed") {
  const Relay relay;
  const OnionClient client = relay.client(kOnionNtorV3);
  for (const Bytes& message : {Bytes{}, Bytes{1}, Bytes{1, 1}, Bytes{1, 1, 1}, Bytes{1, 1, 255, 0},
                               Bytes{2, 1, 0}, Bytes{0, 0}, Bytes{1, 1, 0, 0}, Bytes{255}}) {
    CHECK(relay.refuses(kOnionNtorV3, client.ntorV3Skin(message)));
  }
}

TEST_CASE("ntor-v3 refuses skins for others, and any that was changed on the way") {
  const Relay relay;
  OnionClient client = relay.client(kOnionNtorV3);
  const Bytes good = client.ntorV3Skin({1, 1, 0});
  CHECK_FALSE(relay.refuses(kOnionNtorV3, good));
  for (size_t at = 0; at < good.size(); ++at) {
    // The unused bit of X is part of what the MAC covers too.
    Bytes bad(good);
    bad[at] ^= 0x80;
    CHECK(relay.refuses(kOnionNtorV3, bad));
  }
  for (size_t length = 0; length < good.size(); length += 7) {
    CHECK(
        relay.refuses(kOnionNtorV3, Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length))));
  }
  client.verification = {'o', 't', 'h', 'e', 'r'};
  CHECK(relay.refuses(kOnionNtorV3, client.ntorV3Skin(kNoExtensions)));
}

TEST_CASE("a relay without onion keys, TAP and unknown types are refused") {
  Relay relay;
  CHECK(relay.refuses(kOnionTap, Bytes(186)));
  CHECK(relay.refuses(4, relay.client(kOnionNtor).ntorSkin()));
  CHECK(relay.refuses(0xffff, {}));
  const Bytes ntor = relay.client(kOnionNtor).ntorSkin();
  const Bytes ntorV3 = relay.client(kOnionNtorV3).ntorV3Skin(kNoExtensions);
  relay.identity.keys.clear();
  CHECK(relay.refuses(kOnionNtor, ntor));
  CHECK(relay.refuses(kOnionNtorV3, ntorV3));
}

TEST_CASE("several threads answer at once") {
  const Relay relay;
  std::array<bool, 3> isRight{};
  std::vector<std::thread> threads;
  for (size_t i = 0; i < isRight.size(); ++i) {
    threads.emplace_back([&relay, &right = isRight[i]] {
      right = true;
      for (int round = 0; round < 10; ++round) {
        const OnionClient client = relay.client(kOnionNtorV3);
        const Bytes skin = client.ntorV3Skin(kNoExtensions);
        OnionAnswer answer;
        right = right && answerOnion(kOnionNtorV3, skin, relay.identity, answer);
        const auto result = client.ntorV3Keys(skin, answer.reply, RelayKeys::kBytes);
        right = right && result.has_value() && result->keys == flat(answer.keys);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const bool right : isRight) CHECK(right);
}
