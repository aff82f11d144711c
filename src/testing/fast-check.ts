/** fast-check whose cases begin with our seed. A failure prints what it failed for, made as small as possible. */
import fc from 'fast-check';
import { firstSeed } from './seed.ts';

fc.configureGlobal({ seed: firstSeed });

export default fc;
