import { Module } from '@nestjs/common';
import { OrdersController } from './orders/orders.controller';
import { OrdersService } from './orders/orders.service';
import { ReportsController } from './reports/reports.controller';

@Module({
  controllers: [OrdersController, ReportsController],
  providers: [OrdersService],
})
export class AppModule {}
