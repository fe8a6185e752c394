/** Put in by the build (scripts/lib/ros-binary.ts) from package.json; absent when the sources run as they are. */
declare const CORRALOS_VERSION: string | undefined;

/** The version of this program, which is that of the root image it came in, such as `v0.1.0`. */
export const version: string = typeof CORRALOS_VERSION === 'string' ? CORRALOS_VERSION : 'v0.0.0';
