/** Ends in the middle of traffic, as told: `exit-child.js HOW THREADS DELAY_MS`. */
import { startTraffic } from './traffic.js';

const [how = '', threads = '2', delay = '0'] = process.argv.slice(2);
let isArmed = false;
const onData = (): void => {
  if (isArmed && how === 'exit-in-handler') process.exit(7);
};
const traffic = await startTraffic({ threads: Number(threads), onData });

function go(): void {
  switch (how) {
    case 'exit':
      process.exit(7);
      break;
    case 'exit-in-handler':
      isArmed = true;
      break;
    case 'throw':
      throw new Error('thrown on purpose');
    case 'reject':
      void Promise.reject(new Error('rejected on purpose'));
      break;
    case 'signal':
      console.log('ready');
      break;
    case 'end':
      void traffic.stop();
      break;
    default:
      throw new TypeError(`cannot end by ${how}`);
  }
}

setTimeout(go, Number(delay));
