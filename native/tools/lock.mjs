// A lock file that outlives no process: it holds the owner's process ID and start time, and whoever finds the
// owner gone takes it over. Used by the build helpers, where two commands may want the same folder.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

const POLL_MS = 100;
const NOTICE_MS = 1000;

function startTime(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function ownerIsAlive(path) {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return false;
  }
  const [pid, started] = text.trim().split(' ');
  return started !== undefined && startTime(pid) === started;
}

// The lock appears whole (a link to a written file), so no reader sees one without its owner.
function tryTake(path) {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, `${process.pid} ${startTime(process.pid)}`);
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    unlinkSync(own);
  }
}

function removeStale(path) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  // Another process may have replaced the stale lock between the look and the move: then give it back.
  if (ownerIsAlive(aside)) {
    try {
      linkSync(aside, path);
    } catch {
      // A third process holds it by now; the one given up here ends its work unharmed.
    }
  }
  rmSync(aside, { force: true });
}

/** Runs `work` while holding the lock at `path`, waiting for its present owner if need be. */
export async function withLock(path, work) {
  mkdirSync(dirname(path), { recursive: true });
  const since = Date.now();
  let noticed = false;
  while (!tryTake(path)) {
    if (!ownerIsAlive(path)) {
      removeStale(path);
      continue;
    }
    if (!noticed && Date.now() - since > NOTICE_MS) {
      console.error('kist-relay: waiting for another build to finish');
      noticed = true;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
