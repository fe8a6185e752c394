/** The image that the system runs from. */
import { fail, pass, unknown, warn, weight, type Check } from '../check.ts';

export const rootChecks: readonly Check[] = [
  {
    id: 'root.verified', title: 'What is booted is what was built', weight: weight.important, looked: '/sys/dev/block/*/dm of the device at /, the kernel\'s log',
    judge: ({ root: { isVerified, damage } }) => {
      if (isVerified === undefined) return unknown('the mounts could not be read');
      if (damage !== undefined) return fail(damage, 'sudo dmesg names the blocks');
      return isVerified ? pass('every block is verified as it is read') : warn('the root image is not verified', 'corral.roothash= among the kernel parameters, with the hash that the build has written');
    },
  },
];
