import { Controller, Get, Logger, Param, ParseIntPipe } from '@nestjs/common';

@Controller('reports')
export class ReportsController {
  private readonly logger = new Logger(ReportsController.name);

  // A report that is built in memory: in one step, so that the limit of the
  // cgroup is passed before anything can be collected.
  @Get(':mib')
  build(@Param('mib', ParseIntPipe) mib: number): { bytes: number } {
    this.logger.log(`Building a report of ${mib} MiB`);
    return { bytes: Buffer.alloc(mib * 2 ** 20, 1).length };
  }
}
