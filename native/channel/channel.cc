#include "channel/channel.h"

#include <algorithm>

namespace kist {

namespace {

/// Outbuf length under which a channel that waits to write may write again (C tor's orconn_low).
constexpr uint64_t kOutbufLow = 16384;
/// Outbuf length from which a channel whose link cells and answers pile up is not read until kOutbufLow.
constexpr uint64_t kAnswersHigh = 65536;
constexpr TimeNs kDrainTime = 2 * kSecond;
constexpr int kMaxParts = 64;
/// IDs in use that are looked at before there is none: more than any channel has circuits.
constexpr uint32_t kMostIdTries = 70'000;
/// Odd, with bits all over (2^64 divided by the golden ratio): spreads numbers that lie close together.
constexpr uint64_t kScatter = 0x9e3779b97f4a7c15u;

}  // namespace

Channel::Channel(ChannelContext& context, Listener& listener, const Dialect& dialect,
                 std::unique_ptr<Transport> transport, std::unique_ptr<CircuitMux> mux)
    : context_(context),
      listener_(listener),
      dialect_(dialect),
      transport_(std::move(transport)),
      mux_(std::move(mux)),
      framer_(dialect.makeFramer()),
      outbuf_(context.chunks) {}

Channel::~Channel() {
  context_.scheduler.release(*this);
  transport_->close(false);
}

Status Channel::start(bool connecting) {
  state_ = connecting ? State::kConnecting : State::kHandshake;
  wasConnected_ = !connecting;
  return transport_->start(*this);
}

void Channel::open(bool isInitiator) {
  if (state_ != State::kHandshake) return;
  state_ = State::kOpen;
  ownIds_ = dialect_.circIds(isInitiator);
  if (ownIds_.isStrict) {
    const uint64_t scattered = (handle.bits ^ static_cast<uint64_t>(context_.loop.now())) * kScatter;
    nextCircId_ = static_cast<uint32_t>(scattered >> 32) % ownIds_.count();
  }
  context_.scheduler.onWritable(*this);
}

void Channel::sendLinkCell(ByteSpan cell) {
  if (state_ != State::kHandshake && state_ != State::kOpen) return;
  outbuf_.append(cell);
  ++context_.counters.of(owner).cellsOut;
  writeOutbuf();
  if (answersHold_ || outbuf_.size() <= kAnswersHigh) return;
  answersHold_ = true;
  hold();
}

void Channel::close(CloseReason reason, int error) {
  if (state_ == State::kDraining || state_ == State::kClosed) return;
  const bool nothingToSend = outbuf_.isEmpty() && transport_->queuedBytes() == 0;
  if (state_ == State::kConnecting || reason == CloseReason::kShutdown || (eof_ && nothingToSend)) {
    abort(reason, error);
    return;
  }
  state_ = State::kDraining;
  closeReason_ = reason;
  closeError_ = error;
  drainDeadline_ = context_.loop.now() + kDrainTime;
  context_.scheduler.release(*this);
  inbuf_.clear();
  transport_->setReading(!eof_);
  transport_->watchWritable();
  listener_.onChannelDone(*this);
}

void Channel::abort(CloseReason reason, int error) {
  if (state_ == State::kClosed) return;
  const bool announced = state_ == State::kDraining;
  state_ = State::kClosed;
  if (!announced) {
    closeReason_ = reason;
    closeError_ = error;
  }
  context_.scheduler.release(*this);
  inbuf_.clear();
  outbuf_.clear();
  transport_->close(reason == CloseReason::kError || reason == CloseReason::kMalformed);
  drainDeadline_ = 0;
  listener_.onChannelDone(*this);
}

void Channel::finishDraining() {
  if (!outbuf_.isEmpty() || transport_->queuedBytes() > 0) return;
  // Closing with unread input would reset the connection and take the last cells from the peer: say that we
  // are done, then read on to its end.
  if (eof_ || !isOk(transport_->shutdownWrite())) abort(closeReason_, closeError_);
}

void Channel::discardInput() {
  for (int reads = 0; reads < 4 && state_ == State::kDraining; ++reads) {
    const IoResult result = transport_->read(context_.scratch);
    if (result.status == Status::kWouldBlock) return;
    if (result.status == Status::kOk) continue;
    eof_ = true;
    if (result.status == Status::kError) outbuf_.clear();
    transport_->setReading(false);
    finishDraining();
    return;
  }
}

// Reading.

void Channel::hold() {
  if (holds_++ == 0) {
    ++context_.counters.channelPauses;
    updateReading();
  }
}

void Channel::release() {
  KIST_ASSERT(holds_ > 0);
  if (--holds_ > 0) return;
  updateReading();
  if (!inbuf_.empty() || eof_ || transport_->hasBufferedInput()) listener_.onInputWaiting(*this);
}

void Channel::holdForLinkCell() {
  ++linkHolds_;
  hold();
}

void Channel::releaseLinkCell() {
  if (linkHolds_ == 0) return;
  --linkHolds_;
  release();
}

void Channel::updateReading() {
  if (state_ == State::kHandshake || state_ == State::kOpen) transport_->setReading(holds_ == 0 && !eof_);
}

void Channel::onTransportReadable() {
  if (state_ == State::kDraining) {
    discardInput();
    return;
  }
  size_t left = context_.reading.perChannel;
  ++context_.reading.readers;
  while (holds_ == 0 && left > 0 && (state_ == State::kHandshake || state_ == State::kOpen)) {
    MutableByteSpan room = context_.scratch.first(std::min(context_.scratch.size(), inbuf_.size() + left));
    const size_t kept = inbuf_.size();
    // Only what a hold left behind is so long; one cell, of 65,542 bytes at most, always fits with room to
    // spare.
    if (kept > context_.scratch.size() / 4 * 3) {
      readBuffered();
      return;
    }
    if (kept > 0) std::memcpy(room.data(), inbuf_.data(), kept);
    inbuf_.clear();
    const IoResult result = transport_->read(room.subspan(kept));
    ++context_.counters.readCalls;
    context_.counters.bytesIn += result.bytes;
    const ByteSpan input = room.first(kept + result.bytes);
    const size_t cut = cutCells(input);
    keepInput(input.subspan(cut));
    if (result.status == Status::kClosed) {
      eof_ = true;
      if (holds_ == 0) close(CloseReason::kPeer);  // Else when what is held was served: readBuffered().
      return;
    }
    if (result.status == Status::kError) {
      abort(CloseReason::kError, result.error);
      return;
    }
    if (result.status == Status::kWouldBlock || result.bytes < room.size() - kept) return;
    left -= std::min(left, result.bytes);
  }
}

void Channel::readBuffered() {
  if (holds_ > 0 || (state_ != State::kHandshake && state_ != State::kOpen)) return;
  if (!inbuf_.empty()) {
    std::vector<uint8_t> input;
    input.swap(inbuf_);
    const size_t cut = cutCells(input);
    keepInput(ByteSpan(input).subspan(cut));
  }
  if (holds_ == 0 && eof_) {
    close(CloseReason::kPeer);
  } else if (holds_ == 0 && transport_->hasBufferedInput()) {
    onTransportReadable();
  }
}

size_t Channel::cutCells(ByteSpan input) {
  size_t done = 0;
  CellView cell;
  uint64_t cells = 0;
  while (holds_ == 0 && (state_ == State::kHandshake || state_ == State::kOpen)) {
    size_t consumed = 0;
    const Framer::Result result = framer_->next(input.subspan(done), cell, consumed);
    done += consumed;
    if (result == Framer::Result::kNeedMore) break;
    if (result == Framer::Result::kMalformed) {
      abort(CloseReason::kMalformed);
      break;
    }
    ++cells;
    listener_.onCell(*this, cell);
  }
  context_.counters.of(owner).cellsIn += cells;
  return done;
}

void Channel::keepInput(ByteSpan rest) {
  if (state_ != State::kHandshake && state_ != State::kOpen) return;
  inbuf_.assign(rest.begin(), rest.end());
}

// Writing.

uint64_t Channel::outbufLength() const {
  return transport_->wireBytes(outbuf_.size()) + transport_->queuedBytes();
}

uint64_t Channel::nextCellCost() const {
  return transport_->wireBytes(outbuf_.size() + dialect_.cellLength()) -
         transport_->wireBytes(outbuf_.size());
}

SchedulableChannel::FlushResult Channel::flush(const PriorityKey* rival, uint64_t budget) {
  FlushResult result;
  if (state_ != State::kOpen || !mux_->hasCells()) return result;
  if (mux_->isDestroyNext()) return flushDestroy(budget);
  CircuitQueue* queue = mux_->best();
  if (queue == nullptr) return result;
  PriorityKey second;
  const bool hasSecond = mux_->secondBestKey(second);
  const PriorityKey* limit = rival;
  if (hasSecond && (limit == nullptr || second < *limit)) limit = &second;

  const TimeNs now = context_.loop.now();
  const uint32_t length = dialect_.cellLength();
  result.circuit = queue;
  const uint64_t before = transport_->wireBytes(outbuf_.size());
  do {
    if (transport_->wireBytes(outbuf_.size() + length) - before > budget) break;
    Cell* cell = queue->pop();
    std::memcpy(outbuf_.reserve(length), cell->bytes, length);
    outbuf_.commit(length);
    context_.scheduler.noteQueueDelay(now - cell->queuedAt);
    context_.cells.giveBack(cell);
    mux_->onCellSent(*queue);
    mux_->onDataCellSent();
    ++result.cells;
  } while (!queue->isEmpty() && (limit == nullptr || queue->key() < *limit) && !mux_->isDestroyNext());
  result.wireBytes = transport_->wireBytes(outbuf_.size()) - before;
  if (result.cells == 0) return result;
  mux_->settle(*queue);
  queue->lastMoved = now;
  context_.counters.of(owner).cellsOut += result.cells;
  const bool isWatched = queue->feederPaused || queue->overdraft > 0;
  if (isWatched && queue->size() <= context_.limits.cellqLow) listener_.onQueueLow(*this, *queue);
  return result;
}

SchedulableChannel::FlushResult Channel::flushDestroy(uint64_t budget) {
  FlushResult result;
  const uint64_t cost = nextCellCost();
  if (cost > budget) return result;
  const PendingDestroy destroy = mux_->takeDestroy();
  const uint32_t length = dialect_.cellLength();
  dialect_.encodeDestroy(outbuf_.reserve(length), destroy.circId, destroy.reason);
  outbuf_.commit(length);
  if (Entry* entry = circuits_.find(destroy.circId); entry != nullptr && entry->circuit == nullptr) {
    circuits_.erase(destroy.circId);
  }
  ++context_.counters.of(owner).cellsOut;
  result.cells = 1;
  result.wireBytes = cost;
  return result;
}

void Channel::writeOutbuf() {
  while (!outbuf_.isEmpty() && state_ != State::kConnecting && state_ != State::kClosed) {
    iovec parts[kMaxParts];
    const int count = outbuf_.peek(parts, kMaxParts);
    const IoResult result = transport_->write(parts, count);
    ++context_.counters.writeCalls;
    context_.counters.bytesOut += result.bytes;
    outbuf_.consume(result.bytes);
    if (answersHold_ && outbuf_.size() <= kOutbufLow) {
      answersHold_ = false;
      release();
    }
    if (result.status == Status::kOk) continue;
    if (result.status == Status::kWouldBlock) {
      transport_->watchWritable();
    } else {
      abort(CloseReason::kError, result.error);
    }
    return;
  }
}

bool Channel::watchDrained() {
  drainWatch_ = true;
  transport_->watchWritable();
  return true;
}

TcpInfoTarget Channel::tcpInfoTarget() const { return TcpInfoTarget{transport_->fd(), handle.bits}; }

void Channel::onTransportConnected() {
  state_ = State::kHandshake;
  wasConnected_ = true;
  listener_.onChannelConnected(*this);
}

void Channel::onTransportWritable() {
  writeOutbuf();
  if (state_ == State::kDraining) {
    finishDraining();
    return;
  }
  if (state_ != State::kOpen) return;
  if (drainWatch_) {
    drainWatch_ = false;
    context_.scheduler.onDrained(*this);
  }
  if (outbufLength() <= kOutbufLow) context_.scheduler.onWritable(*this);
}

void Channel::onTransportFailed(int error) {
  abort(error == 0 ? CloseReason::kTimeout : CloseReason::kError, error);
}

// Circuits.

void Channel::addCircuit(uint32_t circId, Circuit& circuit, bool fromNext) {
  circuits_.set(circId, Entry{&circuit, fromNext, false});
}

void Channel::removeCircuit(uint32_t circId, bool abandoned) {
  if (abandoned) {
    circuits_.set(circId, Entry{nullptr, true, true});
  } else {
    circuits_.erase(circId);
  }
}

void Channel::removeCircuitAfterDestroy(uint32_t circId, uint8_t reason) {
  if (state_ != State::kOpen) {
    circuits_.erase(circId);
    return;
  }
  circuits_.set(circId, Entry{});
  mux_->queueDestroy(circId, reason);
  context_.scheduler.onCells(*this, nullptr);
}

uint32_t Channel::pickCircId() {
  const uint32_t count = ownIds_.count();
  for (uint32_t tries = 0; tries < std::min(count, kMostIdTries); ++tries) {
    const uint32_t candidate = ownIds_.first + nextCircId_ * ownIds_.step;
    nextCircId_ = nextCircId_ + 1 == count ? 0 : nextCircId_ + 1;
    if (circuits_.find(candidate) == nullptr) return candidate;
  }
  return 0;
}

std::vector<Channel::Entry> Channel::circuitsById() {
  std::vector<std::pair<uint32_t, Entry>> entries;
  circuits_.forEach([&](uint32_t circId, const Entry& entry) {
    if (entry.circuit != nullptr) entries.emplace_back(circId, entry);
  });
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Entry> result;
  result.reserve(entries.size());
  for (const auto& [circId, entry] : entries) result.push_back(entry);
  return result;
}

}  // namespace kist
