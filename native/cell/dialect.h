#pragma once

#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/close_reason.h"

namespace kist {

/// What a cell's command means to the data plane.
enum class CellKind : uint8_t {
  kLink,          ///< Link handshake and link control (OPEN, OPENED, VERSIONS, ...): for the control plane.
  kCreate,        ///< Opens a circuit.
  kCreated,       ///< Answer to a create: success.
  kCreateFailed,  ///< Answer to a create: refusal.
  kRelay,         ///< Passed along a circuit, or for this hop.
  kDestroy,       ///< Ends a circuit.
  kPadding,       ///< Dropped.
  kUnknown,       ///< Dropped and counted.
};

/// A cell as it came: valid until the framer is asked for the next one.
struct CellView {
  const uint8_t* bytes = nullptr;
  uint32_t length = 0;  ///< Of the whole cell; fixed but for variable-length link cells.
  uint32_t circId = 0;
  uint8_t command = 0;
  CellKind kind = CellKind::kUnknown;
  bool isEarly = false;  ///< A relay cell that may carry EXTEND, where the dialect tells them apart.
};

/// What a relay message means to the edge.
enum class RelayKind : uint8_t {
  kData,       ///< Stream bytes.
  kEnd,        ///< The far edge ended the stream.
  kBegin,      ///< Asks for a stream, whose DATA may follow before the control plane decided.
  kConnected,  ///< The exit reached the target.
  kExtend,     ///< Go on to another hop: what follows waits until that is decided.
  kSendme,     ///< Opens a window again, of the circuit (stream ID 0) or of a stream.
  kDrop,       ///< Padding from end to end: dropped.
  kControl,    ///< Everything else: for the control plane.
};

/// A relay cell for this hop, taken apart. `data` points into the cell.
struct RelayMessage {
  uint16_t streamId = 0;
  uint8_t command = 0;
  RelayKind kind = RelayKind::kControl;
  ByteSpan data;
};

/// Cuts the bytes of one channel into cells. Any segmentation, many cells at once.
class Framer {
 public:
  enum class Result : uint8_t { kCell, kNeedMore, kMalformed };
  virtual ~Framer() = default;
  /// Looks at `input` and fills `cell`; `consumed` says how many bytes of input are done with (also with
  /// kNeedMore, and may be 0 with kCell when one input block makes several cells). kMalformed: the channel
  /// must be closed.
  virtual Result next(ByteSpan input, CellView& cell, size_t& consumed) = 0;
};

/// What a dialect has beyond the shape of its cells.
struct DialectTraits {
  bool hasWindows = false;      ///< SENDMEs bound what is on its way; no circuit ever holds a channel up.
  bool hasRelayCrypto = false;  ///< Relay cells are encrypted hop by hop (CircuitCrypto).
  /// END ends both directions of a stream, DESTROY with a reason is the only refusal of a CREATE, and may
  /// follow a CREATE that was not answered yet. Else END ends one direction, and a CREATE has its own
  /// refusal.
  bool endsAtOnce = false;
  /// Where the encrypted bytes of a relay cell begin: behind its command.
  uint32_t relayPayload = 0;
};

/// The circuit IDs that one end of a channel may give to circuits it creates.
struct CircIds {
  uint32_t first = 0;
  uint32_t last = 0;
  uint32_t step = 1;
  /// The peer's CREATEs are held to their own IDs, and ours begin anywhere among ours.
  bool isStrict = false;

  uint32_t count() const { return (last - first) / step + 1; }
  bool contains(uint32_t circId) const {
    return circId >= first && circId <= last && (circId - first) % step == 0;
  }
};

/// A whole cell language as the data plane needs it: lengths, circuit ID width, commands, framing, relay
/// header. What cells mean is decided by the control dialect of the same name in src/dialect/. Stateless and
/// shared. To add one: native/cell/<name>_dialect.{h,cc} and a line in native/registry/dialects.cc.
class Dialect {
 public:
  explicit Dialect(const DialectTraits& traits) : traits_(traits) {}
  virtual ~Dialect() = default;
  const DialectTraits& traits() const { return traits_; }
  bool hasWindows() const { return traits_.hasWindows; }
  bool hasRelayCrypto() const { return traits_.hasRelayCrypto; }

  virtual const char* name() const = 0;
  virtual uint32_t cellLength() const = 0;
  virtual uint32_t maxCircId() const = 0;
  /// The IDs that the end which opened the channel, or the other end, gives to its circuits.
  virtual CircIds circIds(bool isInitiator) const = 0;
  virtual std::unique_ptr<Framer> makeFramer() const = 0;

  /// Writes a circuit ID into an encoded cell.
  virtual void setCircId(uint8_t* cell, uint32_t circId) const = 0;
  /// Reads the header of an encoded fixed-length cell (one that crossed between reactors or waited in a
  /// queue).
  virtual CellView view(const uint8_t* cell) const = 0;
  /// Encodes CREATE with the control plane's payload (cut at the cell's end); the cell is padded with zeroes.
  virtual void encodeCreate(uint8_t* cell, uint32_t circId, ByteSpan payload) const = 0;
  /// Encodes the answer to a create cell whose command was `createCommand`.
  virtual void encodeCreated(uint8_t* cell, uint32_t circId, uint8_t createCommand,
                             ByteSpan payload) const = 0;
  /// Refusal of a CREATE (CREATE_FAILED in Tor61, DESTROY with a reason in Tor).
  virtual void encodeCreateFailed(uint8_t* cell, uint32_t circId, uint8_t reason) const = 0;
  virtual void encodeDestroy(uint8_t* cell, uint32_t circId, uint8_t reason) const = 0;
  /// The reason that a DESTROY, or a refusal, carries; 0 where there is none.
  virtual uint8_t destroyReasonIn(const uint8_t* cell) const = 0;
  /// What a DESTROY of ours says for `reason`.
  virtual uint8_t destroyReason(CloseReason reason) const = 0;

  /// Takes a relay cell apart. False: its length field is impossible.
  virtual bool parseRelay(const uint8_t* cell, RelayMessage& message) const = 0;
  /// Encodes a relay cell; `body` at most relayDataCapacity() bytes; padded with zeroes.
  virtual void encodeRelay(uint8_t* cell, uint32_t circId, uint16_t streamId, uint8_t command, ByteSpan body,
                           bool isEarly = false) const = 0;
  /// Bytes of stream data one cell carries (498 in Tor61).
  virtual uint32_t relayDataCapacity() const = 0;
  virtual uint8_t relayDataCommand() const = 0;
  virtual uint8_t relayEndCommand() const = 0;
  /// 0 without windows.
  virtual uint8_t relaySendmeCommand() const = 0;
  /// The reason byte of an END of ours; 0: END has no body. `error` is an errno or 0.
  virtual uint8_t endReason(CloseReason reason, int error) const = 0;
  /// True when a relay cell that only passes through is DATA, as far as this dialect lets a middle hop see
  /// (statistics).
  virtual bool isVisibleData(const uint8_t* cell) const = 0;

 private:
  DialectTraits traits_;
};

}  // namespace kist
