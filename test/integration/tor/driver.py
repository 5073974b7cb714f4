"""Drives one tor client by its control port for the tests in this folder.

Reads one JSON object a line from standard input and answers with one line each, in any order:
  {"id": 1, "op": "build", "path": ["FINGERPRINT", ...]}  -> {"id": 1, "ok": true, "circuit": "5"}
  {"id": 2, "op": "close", "circuit": "5"}                -> {"id": 2, "ok": true}
  {"id": 3, "op": "info", "key": "version"}               -> {"id": 3, "ok": true, "value": "..."}
  {"id": 4, "op": "set", "values": {"Option": "value"}}   -> {"id": 4, "ok": true}
A failure: {"id": 1, "ok": false, "error": "...", "reason": "DESTROYED", "remoteReason": "OR_CONN_CLOSED"}.
Without an id come events, as tor reports them:
  {"event": "circuit", "circuit": "5", "status": "CLOSED", "reason": ..., "remoteReason": ..., "hops": 3}
  {"event": "stream", "stream": "9", "status": "FAILED", "circuit": "5", "target": ..., "reason": ..., ...}

A SOCKS connection picks its circuit by its user name: "circuit-5". Every other stream stays without a circuit. The
program ends when its standard input does.
"""

import argparse
import json
import sys
import threading

import stem
import stem.control

USER_PREFIX = "circuit-"
OURS = {"__LeaveStreamsUnattached": "1", "__DisablePredictedCircuits": "1"}


class Driver:
    def __init__(self, controller):
        self.controller = controller
        self.lock = threading.Lock()
        self.output_lock = threading.Lock()
        # Circuits whose end or success nobody has asked for yet, and requests that wait for one.
        self.outcomes = {}
        self.waiting = {}
        controller.add_event_listener(self.on_circuit, stem.control.EventType.CIRC)
        controller.add_event_listener(self.on_stream, stem.control.EventType.STREAM)
        controller.set_options(OURS)

    def say(self, message):
        with self.output_lock:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()

    def on_circuit(self, event):
        if event.status not in ("BUILT", "FAILED", "CLOSED"):
            return
        fields = {
            "status": event.status,
            "reason": event.reason,
            "remoteReason": event.remote_reason,
            "hops": len(event.path or ()),
        }
        with self.lock:
            request = self.waiting.pop(event.id, None)
            if request is None:
                self.outcomes.setdefault(event.id, fields)
        if request is not None:
            self.answer_build(request, event.id, fields)
        self.say({"event": "circuit", "circuit": event.id, **fields})

    def answer_build(self, request, circuit, fields):
        if fields["status"] == "BUILT":
            self.say({"id": request, "ok": True, "circuit": circuit})
            return
        error = "circuit %s %s after %d hops" % (circuit, fields["status"], fields["hops"])
        self.say({"id": request, "ok": False, "error": error, "circuit": circuit, **fields})

    def on_stream(self, event):
        user = (event.keyword_args.get("SOCKS_USERNAME") or "").strip('"')
        is_ours = user.startswith(USER_PREFIX)
        if is_ours and event.status in ("NEW", "NEWRESOLVE"):
            self.attach(event, user[len(USER_PREFIX):])
        if event.status in ("SUCCEEDED", "FAILED", "CLOSED", "DETACHED"):
            self.say_stream(event, event.reason, event.remote_reason)
        # Tor would let it wait for another circuit; the test named one.
        if is_ours and event.status == "DETACHED":
            self.end_stream(event)

    def attach(self, event, circuit):
        try:
            self.controller.attach_stream(event.id, circuit)
        except stem.ControllerError as error:
            self.say_stream(event, "ATTACH", str(error))
            self.end_stream(event)

    def end_stream(self, event):
        try:
            self.controller.close_stream(event.id)
        except stem.ControllerError:
            pass  # It ended by itself meanwhile.

    def say_stream(self, event, reason, remote_reason):
        self.say({
            "event": "stream",
            "stream": event.id,
            "status": event.status,
            "circuit": event.circ_id,
            "target": event.target,
            "reason": reason,
            "remoteReason": remote_reason,
        })

    def build(self, request, message):
        circuit = self.controller.extend_circuit("0", message["path"])
        with self.lock:
            outcome = self.outcomes.pop(circuit, None)
            if outcome is None:
                self.waiting[circuit] = request
        if outcome is not None:
            self.answer_build(request, circuit, outcome)

    def run(self, message):
        request, op = message.get("id"), message.get("op")
        try:
            if op == "build":
                self.build(request, message)
            elif op == "close":
                self.controller.close_circuit(message["circuit"])
                self.say({"id": request, "ok": True})
            elif op == "info":
                self.say({"id": request, "ok": True, "value": self.controller.get_info(message["key"])})
            elif op == "set":
                self.controller.set_options(message["values"])
                self.say({"id": request, "ok": True})
            else:
                self.say({"id": request, "ok": False, "error": "there is no operation %r" % op})
        except (stem.ControllerError, ValueError, KeyError) as error:
            self.say({"id": request, "ok": False, "error": "%s: %s" % (op, error)})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    with stem.control.Controller.from_port(port=arguments.port) as controller:
        controller.authenticate()
        driver = Driver(controller)
        driver.say({"event": "ready", "version": str(controller.get_version()), "stem": stem.__version__})
        for line in sys.stdin:
            driver.run(json.loads(line))


if __name__ == "__main__":
    main()
