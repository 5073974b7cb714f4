#pragma once

namespace kist {

/// Outcome of a core function. `napi` alone turns one into an Error with a code.
enum class Status : unsigned char {
  kOk,
  kWouldBlock,   ///< Nothing now; try again when told.
  kClosed,       ///< The far side ended, or the object is closed.
  kUnsupported,  ///< The kernel or the transport cannot do this at all.
  kInvalid,      ///< An argument or an input breaks the rules.
  kNotFound,     ///< No such channel, circuit, stream or name.
  kInUse,        ///< The identifier or address is taken.
  kExhausted,    ///< A bound (descriptors, slots, memory) is reached.
  kError,        ///< A system call failed; errno says how.
};

constexpr bool isOk(Status status) { return status == Status::kOk; }

}  // namespace kist
