/** Drivers for what hardware there is, before udev runs. */
import { tryRun } from './exec.ts';

/** Loads the modules that the devices on the usual buses name, and what their loading brings to light, in two rounds. */
export async function loadDrivers(): Promise<void> {
  const round = 'cat /sys/bus/pci/devices/*/modalias /sys/bus/virtio/devices/*/modalias /sys/bus/scsi/devices/*/modalias /sys/bus/usb/devices/*/modalias 2>/dev/null | sort -u | xargs -r modprobe -abq';
  await tryRun('/bin/sh', ['-c', `${round}; ${round}; true`], { timeoutMs: 60_000 });
}
