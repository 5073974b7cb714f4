#pragma once

#include "tcpinfo/tcp_info_source.h"

namespace kist {

/// Asks the kernel: one getsockopt(TCP_INFO) a socket. Kernels before 4.6 do not tell the unsent bytes that
/// way; for them alone a second call (SIOCOUTQNSD) follows.
class KernelTcpInfo final : public TcpInfoSource {
 public:
  const char* name() const override { return "kernel"; }
  /// kUnsupported where there is no TCP socket or no such option; kError with errno otherwise.
  Status read(const TcpInfoTarget& target, TcpInfo& info) override;
  /// System calls made so far.
  uint64_t calls() const { return calls_; }

 private:
  uint64_t calls_ = 0;
};

}  // namespace kist
